"""A quick way through the plain parts of a Liquid template, for the thousands of messages that differ in some values.

Most of a template prints a text or else a default, asks whether a value is there, or goes through a list of groups.
Such a node becomes a function of the facts; every other node is left to the library. Whatever a fact makes odd raises
Odd, and the library fills the whole template, with all its limits: it alone decides what an odd template means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, TypeAlias

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path, PositionalArgument, StringLiteral
from liquid.builtin.expressions.logical import BooleanExpression
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.expression import Expression
from markupsafe import escape

from cocoonmail.emails.filters import as_url
from cocoonmail.emails.quotedprintable import Writer, chunk

# What is cheap enough not to be counted step by step; beyond it the library counts.
WORK_MAX = 5_000  # nodes that all loops of one filling go through
TEXT_MAX = 4_096  # characters of one value
# Names that Liquid answers for groups of values that lack them, and the one that a loop brings along.
_SPECIAL = frozenset({"size", "first", "last", "forloop"})
_MARKUP = re.compile("[&<>'\"]")

Names: TypeAlias = tuple[str, ...]


class Odd(Exception):
    """A fact is not of the plain kind, or there are too many of them."""


class Filling:
    """One filling of a template: the facts, the groups that loops are at, and where the result goes."""

    __slots__ = ("_context", "facts", "html", "out", "scope", "work")

    def __init__(self, facts: Mapping[str, Any], out: TextIO, html: bool, context: Callable[[], RenderContext]) -> None:
        self.facts, self.out, self.html = facts, out, html
        self.scope: dict[str, Any] = {}
        self.work = 0
        self._context: Callable[[], RenderContext] | RenderContext = context

    def leave_to_the_library(self, node: Node) -> None:
        """Have the library write this node, with one context for a filling: a node may set what another reads."""
        if not isinstance(self._context, RenderContext):
            self._context = self._context()
        node.render(self._context, self.out)


Step: TypeAlias = Callable[[Filling], Any]


def steps_of(nodes: Sequence[Node], roots: frozenset[str]) -> list[Step]:
    """A function for each node of a template; `roots` are the names of the facts."""
    return [_step(node, roots, frozenset()) or _left(node) for node in nodes]


def _left(node: Node) -> Step:
    return lambda filling: filling.leave_to_the_library(node)


def _step(node: Node, roots: frozenset[str], loops: frozenset[str]) -> Step | None:
    """The node's function; None where it is not plain."""
    match node:
        case ContentNode(text=text):
            return _content(text)
        case OutputNode(expression=FilteredExpression(left=Path() as path, filters=used)):
            return _output(_names(path, roots, loops), used or ())
        case IfNode():
            return _if(node, roots, loops)
        case ForNode():
            return _for(node, roots, loops)
        case _:
            return None


def _block(node: BlockNode, roots: frozenset[str], loops: frozenset[str]) -> list[Step] | None:
    """A block prints nothing where it holds only blanks."""
    steps = [_step(child, roots, loops) for child in node.nodes]
    plain = [step for step in steps if step is not None]
    if len(plain) < len(steps):
        return None
    return [] if node.blank else plain


def _content(text: str) -> Step:
    encoded, length = chunk(text), len(text)

    def write(filling: Filling) -> None:
        out = filling.out
        if isinstance(out, Writer):
            out.write_encoded(encoded, length)
        else:
            out.write(text)

    return write


def _output(names: Names, used: Sequence[Any]) -> Step | None:
    """A text; the filters may be one `default` and then `as_url`."""
    link = bool(used) and used[-1].name == "as_url"
    fallback = _fallback(used[:-1] if link else used)
    if not names or fallback is None:
        return None

    def write(filling: Filling) -> None:
        value = _value(filling, names)
        text = value if value.__class__ is str and value and not value.isspace() else _plain(value) or fallback
        # What has no value and no fallback is told in words by the library; characters that need cleaning are its too.
        if not text or not text.isprintable():
            raise Odd
        if link:
            text = _link(text)
        filling.out.write(escape(text) if filling.html and _MARKUP.search(text) else text)

    return write


def _link(text: str) -> str:
    try:
        return as_url(text)
    except FilterArgumentError:
        raise Odd from None


def _if(node: IfNode, roots: frozenset[str], loops: frozenset[str]) -> Step | None:
    arms: list[tuple[Names, list[Step]]] = []
    choices = [(node.condition, node.consequence), *((one.expression, one.block) for one in node.alternatives)]
    for condition, block in choices:
        names, steps = _condition(condition, roots, loops), _block(block, roots, loops)
        if not names or steps is None:
            return None
        arms.append((names, steps))
    rest = _block(node.default, roots, loops) if node.default else []
    if rest is None:
        return None

    def choose(filling: Filling) -> None:
        taken = next((steps for names, steps in arms if _there(_value(filling, names))), rest)
        for step in taken:
            step(filling)

    return choose


def _for(node: ForNode, roots: frozenset[str], loops: frozenset[str]) -> Step | None:
    loop: LoopExpression = node.expression
    name, names = loop.identifier, _names(loop.iterable, roots, loops)
    turned = loop.limit or loop.offset or loop.reversed or loop.cols
    steps, weight = _block(node.block, roots, loops | {name}), _weight(node.block)
    if not names or turned or node.default or name in roots | loops or steps is None:
        return None

    def go_round(filling: Filling) -> None:
        items = _value(filling, names)
        if items.__class__ is not list:
            raise Odd
        filling.work += len(items) * weight
        if filling.work > WORK_MAX:
            raise Odd
        for filling.scope[name] in items:
            for step in steps:
                step(filling)

    return go_round


def _weight(node: Node) -> int:
    """How many nodes one round of a loop goes through at most."""
    # The context argument is only used by tags that load other templates, of which we have none.
    return 1 + sum(map(_weight, node.children(None)))  # type: ignore[arg-type]


def _names(expression: Expression, roots: frozenset[str], loops: frozenset[str]) -> Names:
    """A path's names, where it leads into the facts or into what a loop around it is at; else none."""
    if not isinstance(expression, Path):
        return ()
    names = expression.path
    if len(names) < 2 or names[0] not in roots | loops:
        return ()
    plain = tuple(name for name in names if isinstance(name, str) and name not in _SPECIAL)
    return plain if len(plain) == len(names) else ()


def _fallback(used: Sequence[Any]) -> str | None:
    """The text of the one filter `default`, "" without a filter; None for any other."""
    match [(one.name, one.args) for one in used]:
        case []:
            return ""
        case [("default", [PositionalArgument(value=StringLiteral(value=str(text)))])]:
            return text
        case _:
            return None


def _condition(expression: Expression, roots: frozenset[str], loops: frozenset[str]) -> Names:
    return _names(expression.expression, roots, loops) if isinstance(expression, BooleanExpression) else ()


def _value(filling: Filling, names: Names) -> Any:
    """What stands at a path of groups; None where it ends early."""
    first = names[0]
    value: Any = filling.scope[first] if first in filling.scope else filling.facts.get(first)
    for name in names[1:]:
        if value.__class__ is not dict:
            if value is None:
                return None
            raise Odd
        value = value.get(name)
    if value.__class__ is str and len(value) > TEXT_MAX:
        raise Odd
    return value


def _plain(value: Any) -> str:
    """A text as it is, a whole number in digits, "" for what counts as missing."""
    if value.__class__ is str:
        return "" if value.isspace() else value
    if value is None:
        return ""
    if value.__class__ is int and -(10**15) < value < 10**15:
        return str(value)
    raise Odd


def _there(value: Any) -> bool:
    """Liquid's truth: everything but nil, false and, of the facts, blank text."""
    return not (value is None or value is False or (value.__class__ is str and (not value or value.isspace())))
