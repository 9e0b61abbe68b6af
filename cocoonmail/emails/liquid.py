"""The fenced Liquid: merge tags that see only their facts, cannot run long, and never print a missing value.

`budget` counts what filling a template costs, `filters` and `fence` close what the library leaves open, and `pieces`
says what is too much to read.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Any, TextIO, cast

from liquid import BoundTemplate, Environment
from liquid.ast import Node
from liquid.builtin.expressions import Identifier, Path
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidInterrupt, ResourceLimitError
from liquid.expression import Expression
from markupsafe import escape

from cocoonmail.emails import filters
from cocoonmail.emails.budget import LINE_MAX, OUTPUT_MAX, ROOTS, FencedContext
from cocoonmail.emails.fence import WENT_WRONG, Missing, close_the_library
from cocoonmail.emails.pieces import liquid_in, unreadable
from cocoonmail.emails.shortcuts import Filling, Odd, Step, steps_of

KEPT_MAX = 1_000_000  # characters of Liquid whose templates are kept; each takes up to 300 bytes of memory

TAGS = frozenset({"if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "#"})

# Characters that no merge value needs and that mail clients and parsers disagree on. Lone surrogates are not text.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a source is not a template. `line` and `column` count from 1."""

    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Unfilled:
    """Why a template could not be filled with these facts, in words that continue "because"."""

    reason: str
    fenced: bool = False  # It took too much to fill in


def fill(source: str, facts: Mapping[str, Any], *, html: bool) -> str | Unfilled:
    """The source with its merge tags replaced by the facts, escaped for HTML or not.

    A printed value that is missing (absent, None, or blank) and has no `default` gives an Unfilled that names it.
    """
    if "{{" not in source and "{%" not in source:
        return source
    filled = fill_into(_Limited, source, facts, html=html)
    return filled if isinstance(filled, Unfilled) else cast(_Limited, filled).getvalue()


def fill_into(
    make_buffer: Callable[[], TextIO], source: str, facts: Mapping[str, Any], *, html: bool
) -> TextIO | Unfilled:
    """The buffer with what `fill` gives; it may be of another kind. One that was begun in vain is thrown away."""
    template = parse(source, html)
    if isinstance(template, Fault):
        return Unfilled(f"its template is broken: {template.message}")
    line = len(source) <= LINE_MAX
    try:
        try:
            return _by_shortcuts(template, facts, make_buffer(), html=html, line=line)
        except Odd:
            return _by_the_library(template, facts, make_buffer(), line=line)
    except LiquidInterrupt:
        return Unfilled("break and continue stand outside of a loop")
    except LiquidError as error:
        fenced = isinstance(error, ResourceLimitError)
        return Unfilled(str(error.args[0] if error.args else error), fenced)
    except WENT_WRONG as error:
        return Unfilled(f"its Liquid cannot be worked out ({type(error).__name__}: {str(error)[:100]})")


def _by_shortcuts(
    template: FencedTemplate, facts: Mapping[str, Any], buffer: TextIO, *, html: bool, line: bool
) -> TextIO:
    filling = Filling(facts, buffer, html, lambda: FencedContext(template, globals=facts, line=line))
    for step in template.steps:
        step(filling)
    return buffer


def _by_the_library(template: FencedTemplate, facts: Mapping[str, Any], buffer: TextIO, *, line: bool) -> TextIO:
    context = FencedContext(template, globals=facts, line=line)
    for node in template.nodes:
        node.render(context, buffer)
    return buffer


def parse(source: str, html: bool) -> FencedTemplate | Fault:
    """The template of a source, kept for the next message, or what is wrong with it and where."""
    if found := _kept.get((source, html)):
        return found[1]
    template = _parsed(source, html)
    with _keeping:
        _kept[source, html] = _weight(source), template
        while len(_kept) > 1 and sum(weight for weight, _ in _kept.values()) > KEPT_MAX:
            del _kept[next(iter(_kept))]
    return template


_kept: dict[tuple[str, bool], tuple[int, FencedTemplate | Fault]] = {}
_keeping = threading.Lock()


def _weight(source: str) -> int:
    return liquid_in(source) + len(source) // 100


def _parsed(source: str, html: bool) -> FencedTemplate | Fault:
    if trouble := unreadable(source):
        return Fault(trouble[0], *place(source, trouble[1]))
    env = HTML if html else TEXT
    try:
        template = cast(FencedTemplate, env.from_string(source))
        used = template.analyze(include_partials=False).filters
    except LiquidError as error:
        return _fault(error, source)
    for name, spans in used.items():
        if name not in env.filters:
            return Fault(f"There is no filter {name!r}", *place(source, spans[0].index))
    for taken in _set_by(template.nodes):
        if taken in ROOTS:
            return Fault(f"{taken} is taken; choose another name", *place(source, taken.token.start_index))
    template.steps = steps_of(template.nodes, ROOTS)
    return template


def unknown_names(source: str) -> list[Fault]:
    """The variables of a source that no message will ever have, for example `{{ customer.name }}`."""
    template = parse(source, False)
    if isinstance(template, Fault):
        return []
    roots = template.analyze(include_partials=False).globals
    strangers = [variable for root, found in roots.items() if root not in ROOTS for variable in found]
    known = "contact.…, event.…, workspace.name, workspace.address and unsubscribe_url"
    return [Fault(f"There is no {name}; there are {known}", *place(source, name.span.index)) for name in strangers]


def names(source: str) -> frozenset[str]:
    """The facts that a source mentions, as dotted paths such as `event.invoiceUrl`."""
    template = parse(source, False)
    if isinstance(template, Fault):
        return frozenset()
    roots = template.analyze(include_partials=False).globals
    return frozenset(str(variable) for found in roots.values() for variable in found)


def unguarded(source: str) -> list[Fault]:
    """The event and contact values that are printed with no fallback: a message without them will be held."""
    template = parse(source, False)
    if isinstance(template, Fault):
        return []
    return [
        Fault(
            f'Without {path} the message is held; give it a fallback, as in {{{{ {path} | default: "…" }}}}',
            *place(source, path.token.start_index),
        )
        for path in _bare(template.nodes, frozenset())
    ]


def place(source: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character's index."""
    return source.count("\n", 0, index) + 1, index - source.rfind("\n", 0, index)


def _bare(nodes: Iterable[Node], guarded: frozenset[str]) -> Iterable[Path]:
    for node in nodes:
        paths = frozenset(str(path) for expression in node.expressions() for path in _paths(expression))
        if isinstance(node, OutputNode):
            left, used = getattr(node.expression, "left", None), getattr(node.expression, "filters", None) or []
            kept = all(one.name != "default" for one in used)
            if kept and isinstance(left, Path) and _may_be_missing(left) and str(left) not in guarded:
                yield left
        else:
            yield from _bare(_children(node), guarded | paths)


def _set_by(nodes: Iterable[Node]) -> Iterable[Identifier]:
    for node in nodes:
        yield from node.template_scope()
        yield from node.block_scope()
        yield from _set_by(_children(node))


def _may_be_missing(path: Path) -> bool:
    return path.head() in ("event", "contact") and str(path) != "contact.email"


def _paths(expression: Expression) -> Iterable[Path]:
    if isinstance(expression, Path):
        yield expression
    for child in expression.children():
        yield from _paths(child)


def _children(node: Node) -> Iterable[Node]:
    # The context argument is only used by tags that load other templates, of which we have none.
    return node.children(None)  # type: ignore[arg-type]


def _fault(error: LiquidError, source: str) -> Fault:
    message = str(error.args[0]) if error.args else "this is not Liquid"
    token = error.token
    if token is None or token.start_index < 0:
        return Fault(message)
    return Fault(message, *place(source, token.start_index))


class NoValue(LiquidError):
    """A value is printed that the facts do not have, and the template gives no fallback."""


class FencedTemplate(BoundTemplate):
    """A template that is filled in a fenced context, also by the library's own `render`."""

    context_class = FencedContext
    steps: Sequence[Step]


class FencedForNode(ForNode):
    """A loop that tells the context how much one round costs."""

    __slots__ = ("weight",)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.weight = _weigh(self.block)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Announce the weight, then loop."""
        if isinstance(context, FencedContext):
            context.weight = self.weight
        return super().render_to_output(context, buffer)


class FencedFor(ForTag):
    """`{% for %}` with counted work."""

    node_class = FencedForNode


class FencedOutputNode(OutputNode):
    """`{{ … }}` that prints one plain value or says why it cannot."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value, escaped where the environment escapes."""
        value = self.expression.evaluate(context)
        if isinstance(value, str) and len(value) <= filters.VALUE_MAX and value.isprintable():
            text = value
        else:
            text = _printed(value, self.expression)
        return buffer.write(escape(text) if context.autoescape else text)


class FencedOutput(Output):
    """Registers FencedOutputNode."""

    node_class = FencedOutputNode


def _printed(value: object, expression: Expression) -> str:
    match value:
        case str():
            filters.cost(value)
            return _cleaned(value)
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            filters.cost(value)
            return str(value)
        case list() | tuple() if not any(filters.is_group(item) for item in value[: filters.LIST_MAX]):
            return _printed(filters.joined(value, ""), expression)
        case None | Missing():
            name = value.name if isinstance(value, Missing) else str(expression) or "nil"
            raise NoValue(f"{name} has no value and the email gives no fallback", token=expression.token)
        case _:
            raise LiquidError(f"{expression} is a group of values, not one that can be printed", token=None)


class _Limited(StringIO):
    """Counts characters."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def write(self, text: str, /) -> int:
        self.size += len(text)
        if self.size > OUTPUT_MAX:
            raise ResourceLimitError(f"the result is longer than {OUTPUT_MAX} characters", token=None)
        return StringIO.write(self, text)


def _cleaned(text: str) -> str:
    # The class is kept: Markup says that a filter or a capture has escaped the text already.
    return type(text)(_UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def _weigh(node: Node) -> int:
    values = sum(_count(expression) for expression in node.expressions())
    return 1 + values + sum(_weigh(child) for child in _children(node))


def _count(expression: Expression) -> int:
    return 1 + sum(_count(child) for child in expression.children())


def _environment(html: bool) -> Environment:
    env = Environment(undefined=Missing, autoescape=html)
    env.template_class = FencedTemplate
    env.add_tag(FencedFor)
    env.add_tag(FencedOutput)
    pseudo = {
        name
        for name, tag in env.tags.items()
        if name not in TAGS and tag.__class__.__module__.endswith(("builtin.content", "builtin.illegal", __name__))
    }
    env.tags = {name: tag for name, tag in env.tags.items() if name in TAGS | pseudo}
    env.filters = filters.allowed(env.filters, html)
    return env


close_the_library()
HTML = _environment(True)
TEXT = _environment(False)
