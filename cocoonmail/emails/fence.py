"""What the Liquid library leaves open and has no setting for, closed at its own functions; nobody else here uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liquid.builtin.expressions import Path, logical, loop, primitive
from liquid.builtin.tags import case_tag
from liquid.context import RenderContext
from liquid.exceptions import LiquidTypeError, ResourceLimitError
from liquid.undefined import Undefined

LOOPS_MAX = 10_000  # rounds of all loops of one template together, and numbers in a range

# What Python raises where values do not fit a tag or a filter, and the library lets through.
WENT_WRONG = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, OSError, RecursionError)


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
    # A `when` with ten equal values would print its block ten times, and ten of them in each other ten billion times.
    case_tag._AnyExpression.evaluate = _one_of  # type: ignore[method-assign]
    # What takes time by the length of a list is charged for it.
    logical.ContainsExpression.evaluate = _contains  # type: ignore[method-assign]
    loop.LoopExpression._to_iter = _charged_loop  # type: ignore[method-assign]
    # These two ask abstract base classes what a plain comparison tells, a hundred times a message.
    Path.evaluate = _path_value  # type: ignore[method-assign]
    logical.is_truthy = _is_truthy


_uncapped_range = primitive.RangeLiteral._make_range
_library_equal = logical._eq
_library_contains = logical._contains
_uncharged_loop = loop.LoopExpression._to_iter
_library_truth = logical.is_truthy
_PLAIN = frozenset({str, int, float, dict, list})
_PLAIN_ONES = frozenset({str, int, float, bool, type(None)})
_VALUES_PER_STEP = 32  # Of a list, looked at one after the other
_CHARACTERS_PER_STEP = 1_000  # Of two texts, compared


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
    if (
        left.__class__ not in _PLAIN_ONES
        and right.__class__ not in _PLAIN_ONES
        and _is_group(left)
        and _is_group(right)
    ):
        raise LiquidTypeError("two groups of values cannot be compared", token=None)
    return _library_equal(left, right)


def _is_group(value: object) -> bool:
    return isinstance(value, (list, tuple, range, Mapping))


def _one_of(self: case_tag._AnyExpression, context: Any) -> list[bool]:
    left = self.left.evaluate(context)
    context.spend(len(self.expressions))
    return [any(_equal(left, expression.evaluate(context)) for expression in self.expressions)]


def _contains(self: logical.ContainsExpression, context: Any) -> bool:
    left, right = self.left.evaluate(context), self.right.evaluate(context)
    if _is_group(right) and not isinstance(right, Missing):
        raise LiquidTypeError("contains looks for one value, not for a group of them", token=self.token)
    if isinstance(left, (list, tuple)):
        each = len(right) // _CHARACTERS_PER_STEP if isinstance(right, str) else 0
        context.spend(1 + len(left) * (1 + each) // _VALUES_PER_STEP)
    return _library_contains(self.token, left, right)


def _charged_loop(self: loop.LoopExpression, obj: object, context: Any) -> tuple[Iterator[Any], int]:
    rounds, length = _uncharged_loop(self, obj, context)
    context.spend(length // _VALUES_PER_STEP)  # To skip them, or to turn them round.
    return rounds, length


def _path_value(self: Path, context: RenderContext) -> object:
    path = [part.evaluate(context) if part.__class__ is Path else part for part in self.path]
    return context.get(path, token=self.token)


def _is_truthy(obj: object) -> bool:
    return True if obj.__class__ in _PLAIN else _library_truth(obj)
