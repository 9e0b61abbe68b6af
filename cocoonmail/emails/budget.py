"""What filling one template may cost: steps of work, time on the processor, characters written, bytes remembered.

Everything that runs is charged before it runs, or is too small to matter. The clock is only looked at now and then: it
is there for what the steps misjudge, and no single step takes long enough to get past it by much.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from io import StringIO
from typing import Any, TextIO

from liquid import BoundTemplate, Token
from liquid.context import RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.output import LimitedStringIO
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from cocoonmail.emails import filters
from cocoonmail.emails.fence import LOOPS_MAX, Missing

ROOTS = frozenset({"contact", "event", "workspace", "unsubscribe_url"})  # All that a template can name

OUTPUT_MAX = 512 * 1024  # characters that are written, those that are captured among them
LOCALS_MAX = 256 * 1024  # bytes that assign and capture may hold
LINE_MAX = 500  # characters of a source that is a line of a header, not a body
# Steps of about a microsecond: a node or a value in a loop, a lookup, 64 characters through a filter.
WORK_MAX, LINE_WORK_MAX = 40_000, 5_000
TIME_MAX, LINE_TIME_MAX = 0.050, 0.008  # seconds on the processor, from the first look at the clock on
LOOK_EVERY = 500  # steps
MESSAGE_MAX = 0.250  # seconds that a whole message may take
_LINES, _BODIES, _LONGEST_STEP = 4, 3, 0.060  # fills of a message: a preview may be as long as a body
assert _LINES * LINE_TIME_MAX + _BODIES * TIME_MAX + _LONGEST_STEP < MESSAGE_MAX
assert LINE_WORK_MAX < LOOPS_MAX < WORK_MAX  # An empty loop in a body meets its own limit, which names the reason.


class FencedContext(RenderContext):
    """One filling of a template: looks up facts, and counts what it costs."""

    __slots__ = ("deadline", "look_at", "looped", "stored", "time_max", "weight", "work", "work_max", "written")

    def __init__(self, template: BoundTemplate, *, line: bool = False, **options: Any) -> None:
        super().__init__(template, **options)
        # Without the library's own globals, for `now` would make two attempts at one message differ.
        self.scope = ReadOnlyChainMap(self.locals, self.globals)
        self.work = self.looped = self.stored = self.written = 0
        self.weight = 1  # nodes and values in the body of the loop about to begin
        self.work_max, self.time_max = (LINE_WORK_MAX, LINE_TIME_MAX) if line else (WORK_MAX, TIME_MAX)
        self.look_at, self.deadline = LOOK_EVERY, 0.0

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """The value at a path, or a Missing that knows its name."""
        self.spend(len(path))
        root = path[0]
        try:
            value: Any = self.globals[root] if root in ROOTS else self.scope[root]  # type: ignore[index]
            for segment in path[1:]:
                value = (
                    value[segment] if value.__class__ is dict and segment in value else self.get_item(value, segment)
                )
        except (KeyError, TypeError, IndexError):
            value = None
        if value.__class__ is str:
            if len(value) > filters.CHARACTERS_PER_STEP:
                self.spend(len(value) // filters.CHARACTERS_PER_STEP)
            # Blank text counts as missing where it comes from the facts; a template may assign "" on purpose.
            if len(path) > 1 and (not value or value.isspace()):
                value = None
        if value is None:
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
            for value in values:
                if isinstance(value, Missing):
                    return value
                self.spend(filters.cost(value))
            if named:
                raise filters.FilterFailed(f"{name}: its values have no names", token=None)
            return filters.guarded(name, apply, values, self.spend)

        return fenced

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """What a capture writes into, which counts as written too."""
        return CountedOutput(self)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count all rounds that begin, where the library looks at one nest of loops at a time."""
        self.looped += length
        if self.looped > LOOPS_MAX:
            raise ResourceLimitError(f"its loops go round more than {LOOPS_MAX} times", token=None)
        self.spend(length * self.weight)

    def spend(self, steps: int) -> None:
        """Count work. Raises ResourceLimitError when it has become too much, or taken too long."""
        self.work += steps
        if self.work > self.look_at:
            self._look()

    def _look(self) -> None:
        # The time of this thread: what others do meanwhile, or a busy machine, fails no message.
        now = time.thread_time()
        self.deadline = self.deadline or now + self.time_max
        if self.work > self.work_max or now > self.deadline:
            raise ResourceLimitError("it takes too much work to fill in", token=None)
        self.look_at = min(self.work + LOOK_EVERY, self.work_max)


class CountedOutput(LimitedStringIO):
    """Counts characters of all outputs of a filling together; the library encodes each write to count its bytes."""

    def __init__(self, context: FencedContext) -> None:
        super().__init__(OUTPUT_MAX)
        self.context = context

    def write(self, text: str, /) -> int:
        """Write, within the limit."""
        self.context.written += len(text)
        if self.context.written > OUTPUT_MAX:
            raise ResourceLimitError(f"the result is longer than {OUTPUT_MAX} characters", token=None)
        return StringIO.write(self, text)


def _dotted(path: list[object]) -> str:
    return str(path[0]) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[1:])
