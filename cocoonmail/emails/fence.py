"""What the Liquid library leaves open and has no setting for, closed at its own functions; nobody else here uses it."""

from __future__ import annotations

from typing import Any

from liquid.builtin.expressions import Path, logical, primitive
from liquid.builtin.tags import case_tag
from liquid.context import RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.undefined import Undefined

LOOPS_MAX = 10_000  # rounds of all loops of one template together, and numbers in a range


class Missing(Undefined):
    """A value that is not there. It is false, equals nil, blank and "", takes a `default`, and cannot be printed."""

    __slots__ = ()
    force_liquid_default = True


def close_the_library() -> None:
    """Put our functions in the place of the library's. Doing it twice is doing it once."""
    # `join`, `sort` and `reverse` build a range in full before any limit sees it.
    primitive.RangeLiteral._make_range = _capped_range  # type: ignore[method-assign]
    # The library trusts string literals as HTML; ours are escaped like any other value.
    primitive.StringLiteral.evaluate = _plain_literal  # type: ignore[method-assign,assignment]
    # A missing value would not equal `blank`, and `{% if event.note != blank %}` would let it through.
    logical._eq = _equal
    case_tag._eq = _equal  # type: ignore[attr-defined]
    # These two ask abstract base classes what a plain comparison tells, a hundred times a message.
    Path.evaluate = _path_value  # type: ignore[method-assign]
    logical.is_truthy = _is_truthy


_uncapped_range = primitive.RangeLiteral._make_range
_library_equal = logical._eq
_library_truth = logical.is_truthy
_PLAIN = frozenset({str, int, float, dict, list})


def _capped_range(self: primitive.RangeLiteral, start: Any, stop: Any) -> range:
    numbers = _uncapped_range(self, start, stop)
    if numbers.stop - numbers.start > LOOPS_MAX:
        raise ResourceLimitError(f"a range is longer than {LOOPS_MAX}", token=self.token)
    return numbers


def _plain_literal(self: primitive.StringLiteral, _context: RenderContext) -> str:
    return self.value


def _equal(left: object, right: object) -> bool:
    for one, other in ((left, right), (right, left)):
        if one.__class__ is Missing:
            return isinstance(other, (Missing, primitive.Empty, primitive.Blank)) or other in (None, "")
    return _library_equal(left, right)


def _path_value(self: Path, context: RenderContext) -> object:
    path = [part.evaluate(context) if part.__class__ is Path else part for part in self.path]
    return context.get(path, token=self.token)


def _is_truthy(obj: object) -> bool:
    return True if obj.__class__ in _PLAIN else _library_truth(obj)
