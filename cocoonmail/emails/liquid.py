"""The fenced Liquid: merge tags that see only their facts, cannot run long, and never print a missing value.

The library stops endless loops and endless output. This file, `fence` and `filters` close what it leaves open: ranges,
growing filters, loops one after the other, string literals that bypass escaping, and values that are not there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from io import StringIO
from typing import Any, TextIO, cast

from liquid import BoundTemplate, Environment, Token
from liquid.ast import Node
from liquid.builtin.expressions import Identifier, Path
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidInterrupt, ResourceLimitError
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap
from markupsafe import escape

from cocoonmail.emails import filters
from cocoonmail.emails.fence import LOOPS_MAX, Missing, close_the_library
from cocoonmail.emails.pieces import unfinished
from cocoonmail.emails.shortcuts import Filling, Odd, Step, steps_of

ROOTS = frozenset({"contact", "event", "workspace", "unsubscribe_url"})  # All that a template can name

OUTPUT_MAX = 512 * 1024  # characters
LOCALS_MAX = 256 * 1024  # bytes that assign and capture may hold
WORK_MAX = 100_000  # steps of about a microsecond: a node in a loop, a lookup, 256 characters through a filter
TEMPLATES_MAX = 512  # parsed templates kept in memory
assert LOOPS_MAX <= WORK_MAX  # A loop with an empty body meets its own limit first, which names the reason better.

TAGS = frozenset({"if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "#"})

# Characters that no merge value needs and that mail clients and parsers disagree on. Lone surrogates are not text.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


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


def fill(source: str, facts: Mapping[str, Any], *, html: bool) -> str | Unfilled:
    """The source with its merge tags replaced by the facts, escaped for HTML or not.

    A printed value that is missing (absent, None, or blank) and has no `default` gives an Unfilled that names it.
    """
    if "{{" not in source and "{%" not in source:
        return source
    filled = fill_into(_Limited.new, source, facts, html=html)
    return filled if isinstance(filled, Unfilled) else cast(_Limited, filled).getvalue()


def fill_into(
    make_buffer: Callable[[], TextIO], source: str, facts: Mapping[str, Any], *, html: bool
) -> TextIO | Unfilled:
    """The buffer with what `fill` gives; it may be of another kind. One that was begun in vain is thrown away."""
    template = parse(source, html)
    if isinstance(template, Fault):
        return Unfilled(f"its template is broken: {template.message}")
    try:
        try:
            return _by_shortcuts(template, facts, make_buffer(), html)
        except Odd:
            return _by_the_library(template, facts, make_buffer())
    except LiquidInterrupt:
        return Unfilled("break and continue stand outside of a loop")
    except LiquidError as error:
        return Unfilled(str(error.args[0] if error.args else error))


def _by_shortcuts(template: FencedTemplate, facts: Mapping[str, Any], buffer: TextIO, html: bool) -> TextIO:
    filling = Filling(facts, buffer, html, lambda: FencedContext(template, globals=facts))
    for step in template.steps:
        step(filling)
    return buffer


def _by_the_library(template: FencedTemplate, facts: Mapping[str, Any], buffer: TextIO) -> TextIO:
    context = FencedContext(template, globals=facts)
    for node in template.nodes:
        node.render(context, buffer)
    return buffer


@lru_cache(maxsize=TEMPLATES_MAX)
def parse(source: str, html: bool) -> FencedTemplate | Fault:
    """The template of a source, kept for the next message, or what is wrong with it and where."""
    env = HTML if html else TEXT
    if lacking := unfinished(source):
        return Fault(f"Expected {lacking[0]!r}, found the end", *place(source, lacking[1]))
    try:
        template = cast(FencedTemplate, env.from_string(source))
    except LiquidError as error:
        return _fault(error, source)
    for name, spans in template.analyze(include_partials=False).filters.items():
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


class FencedContext(RenderContext):
    """One filling of a template: looks up facts, and counts the work."""

    __slots__ = ("looped", "stored", "weight", "work")

    def __init__(self, template: BoundTemplate, **options: Any) -> None:
        super().__init__(template, **options)
        # Without the library's own globals, for `now` would make two attempts at one message differ.
        self.scope = ReadOnlyChainMap(self.locals, self.globals)
        self.work = self.looped = self.stored = 0
        self.weight = 1  # nodes in the body of the loop about to begin

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """The value at a path, or a Missing that knows its name."""
        self.spend(1)
        root = path[0]
        try:
            value: Any = self.globals[root] if root in ROOTS else self.scope[root]  # type: ignore[index]
            for segment in path[1:]:
                value = (
                    value[segment] if value.__class__ is dict and segment in value else self.get_item(value, segment)
                )
        except (KeyError, TypeError, IndexError):
            value = None
        # Blank text counts as missing where it comes from the facts; a template may assign "" on purpose.
        if value is None or (value.__class__ is str and len(path) > 1 and (not value or value.isspace())):
            return Missing(_dotted(path), token=token) if default is UNDEFINED else default
        return value

    def assign(self, key: str, val: Any) -> None:
        """Set a variable, within the limits."""
        self.spend(1)
        self.stored += sys.getsizeof(val, 1) - sys.getsizeof(self.locals.get(key), 1)
        if self.stored > LOCALS_MAX:
            raise ResourceLimitError(f"assign and capture hold more than {LOCALS_MAX} bytes", token=None)
        self.locals[key] = val

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """The filter, refusing what costs too much. All but `default` leave a missing value missing."""
        apply = super().filter(name, token)
        if name == "default":
            return apply

        def fenced(*values: object, **named: object) -> object:
            for value in (*values, *named.values()):
                if isinstance(value, Missing):
                    return value
                self.spend(filters.cost(value))
            return filters.guarded(name, apply, values, named)

        return fenced

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count all rounds that begin, where the library looks at one nest of loops at a time."""
        self.looped += length
        if self.looped > LOOPS_MAX:
            raise ResourceLimitError(f"its loops go round more than {LOOPS_MAX} times", token=None)
        self.spend(length * self.weight)

    def spend(self, steps: int) -> None:
        """Count work. Raises ResourceLimitError when it has become too much."""
        self.work += steps
        if self.work > WORK_MAX:
            raise ResourceLimitError("it takes too much work to fill in", token=None)


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
        text = value if isinstance(value, str) and value.isprintable() else _printed(value, self.expression)
        return buffer.write(escape(text) if context.autoescape else text)


class FencedOutput(Output):
    """Registers FencedOutputNode."""

    node_class = FencedOutputNode


def _printed(value: object, expression: Expression) -> str:
    match value:
        case str():
            return _cleaned(value)
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            filters.cost(value)
            return str(value)
        case list() | tuple() if not any(isinstance(item, (Mapping, list, tuple)) for item in value):
            return _printed(filters.joined(value, ""), expression)
        case None | Missing():
            name = value.name if isinstance(value, Missing) else str(expression) or "nil"
            raise NoValue(f"{name} has no value and the email gives no fallback", token=expression.token)
        case _:
            raise LiquidError(f"{expression} is a group of values, not one that can be printed", token=None)


class _Limited(LimitedStringIO):
    """Counts characters, where the library encodes each write to count its bytes."""

    @classmethod
    def new(cls) -> _Limited:
        """One with room for any email."""
        return cls(OUTPUT_MAX)

    def write(self, text: str, /) -> int:
        self.size += len(text)
        if self.size > self.limit:
            raise ResourceLimitError(f"the result is longer than {self.limit} characters", token=None)
        return StringIO.write(self, text)


def _cleaned(text: str) -> str:
    # The class is kept: Markup says that a filter or a capture has escaped the text already.
    return type(text)(_UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def _weigh(node: Node) -> int:
    return 1 + sum(_weigh(child) for child in _children(node))


def _dotted(path: list[object]) -> str:
    return str(path[0]) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[1:])


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
