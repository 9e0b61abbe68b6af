"""Templates and facts made to burn time and memory: by hand, each for one hole, and by a seeded grammar."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

MEGABYTE = 1_000_000
PIECE = 900  # characters, about what one tag may have

_one = {"same": "y" * 400_000, "name": "n"}
_nested: Any = "deep"
for _ in range(60):
    _nested = [_nested]

# What a platform could send in one request of a megabyte, and worse.
EVENT: dict[str, Any] = {
    "word": "x",
    "long": "x" * MEGABYTE,
    "long2": "x" * (MEGABYTE - 1) + "y",
    "page": "word " * 12_000,
    "blank": " " * MEGABYTE,
    "bad": "a\x00" * (MEGABYTE // 2),
    "foreign": "\u6f22" * 60_000,
    "amps": "&amp;" * 12_000,
    "lines": "\n" * 60_000,
    "percents": "%41" * 20_000,
    "list": list(range(100_000)),
    "list2": [*range(99_999), -1],
    "words": ["word"] * 9_000,
    "numbers": ["9" * 4_000] * 9_000,
    "same": [f"{'z' * 50_000}{number % 7}" for number in range(20)],
    "rows": [{"a": 1, "b": _one, "c": "c" * 300} for _ in range(5_000)],
    "grid": [list(range(700)) for _ in range(700)],
    "grid2": [list(range(700)) for _ in range(700)],
    "deep": _nested,
    "dict": {f"key{number}": number for number in range(50_000)},
    "huge": 10**4_000,
    "billion": 10**9,
    "infinite": float("inf"),
    "nothing": float("nan"),
    "float": 1e308,
    "surrogate": "\ud800",
    "text": "1e999999999",
    "few": [{"a": 3, "c": "x"}, {"a": 1, "c": "y"}, {"a": 2, "c": "z"}],
    "tags": ["b", "a", "c"],
}
FACTS: dict[str, Any] = {
    "contact": {"email": "a@b.test", "firstName": "Ada"},
    "event": EVENT,
    "workspace": {"name": "Acme", "address": "1 Main St"},
    "unsubscribe_url": "https://mail.acme.test/unsubscribe/1",
}


def nest(begin: str, inside: str, end: str, times: int) -> str:
    """`inside` in that many blocks."""
    return begin * times + inside + end * times


def loop(body: str, times: int = 9_999) -> str:
    """The body in one loop."""
    return f"{{% for i in (1..{times}) %}}{body}{{% endfor %}}"


_KEEP = "{% assign s = event.words | concat: event.words %}"

BY_HAND: dict[str, str] = {
    "when matches many times": nest("{% case 1 %}{% when 1,1,1,1,1,1,1,1,1,1 %}", "x", "{% endcase %}", 12),
    "when matches, nothing printed": nest("{% case 1 %}{% when 1,1,1,1,1,1,1,1,1,1 %}", "", "{% endcase %}", 12),
    "a giant case in a loop": loop("{% case 2 %}" + f"{{% when {','.join('1' * 400)} %}}" * 20 + "{% endcase %}"),
    "literals compared in a loop": loop("{% if " + " and ".join(["1 == 1"] * 80) + " %}{% endif %}"),
    "literals compared, many ifs": loop("{% if 'a' == 'b' or 'a' == 'c' %}{% endif %}" * 200),
    "lists compared": loop("{% if event.list == event.list2 %}{% endif %}"),
    "grids compared": loop("{% if event.grid == event.grid2 %}{% endif %}"),
    "grids compared without a loop": "{% if event.grid == event.grid2 %}{% endif %}" * 1_900,
    "long texts compared": loop("{% if event.long == event.long2 or event.long < event.long2 %}{% endif %}"),
    "case of lists": loop("{% case event.grid %}{% when event.grid2 %}{% endcase %}"),
    "contains in a list": loop("{% if event.list contains -5 %}{% endif %}"),
    "contains a list as text": loop("{% if event.word contains event.list %}{% endif %}"),
    "contains a list in a list": loop("{% if event.grid contains event.list %}{% endif %}"),
    "contains a few letters": loop("{% if event.long contains 'xxxxy' %}{% endif %}"),
    "contains in a long text": loop("{% if event.long contains event.long2 %}{% endif %}"),
    "blank looked at": loop("{% if event.blank %}{% endif %}"),
    "blank looked at by names": loop("{% if " + " or ".join(["event.blank"] * 60) + " %}{% endif %}"),
    "a deep path": loop("{% if " + " and ".join(["event.deep" + ".last" * 57] * 3) + " %}{% endif %}"),
    "a long path": loop("{% if event" + ".dict" * 150 + " %}{% endif %}"),
    "paths in paths": "{{ " + "event[" * 150 + "'a'" + "]" * 150 + " | default: 1 }}",
    "paths in paths in a loop": loop("{% if " + "event[" * 100 + "'a'" + "]" * 100 + " %}{% endif %}"),
    "and without end": "{% if " + " and ".join(["event.word"] * 60) + " %}{% endif %}",
    "long captured": "{% capture c %}" + loop("{{ event.page }}") + "{% endcapture %}",
    "long captured often": loop("{% capture c %}{{ event.page }}{% endcapture %}"),
    "a literal in one capture": "{% capture c %}" + loop("a" * 100_000) + "{% endcapture %}",
    "a literal captured often": loop("{% capture c %}" + "a" * 100_000 + "{% endcapture %}"),
    "captures in captures": nest("{% capture c %}{{ event.page }}", "x", "{{ c }}{{ c }}{% endcapture %}", 28),
    "a bad text printed": loop("{% capture c %}{{ event.bad }}{% endcapture %}"),
    "append doubling": "{% assign s = 'x' %}" + loop("{% assign s = s | append: s | append: s %}", 60),
    "concat doubling": _KEEP + loop("{% assign s = s | concat: s %}", 60),
    "append a dict": loop("{% assign s = 'a' | append: event.dict | size %}"),
    "prepend a list": loop("{% assign s = 'a' | prepend: event.list | size %}"),
    "upcase a list": loop("{% assign s = event.grid | upcase | size %}"),
    "replace by name": "{% assign s = event.page | replace: seq: '', sub: event.page %}{{ s | size }}",
    "replace the empty": "{% assign s = event.page | replace: '', event.page %}{{ s | size }}",
    "replace last by name": loop("{% assign s = event.page | replace_last: seq: 'w', sub: event.page %}"),
    "join by name": "{% assign s = event.words | join: separator: event.page %}{{ s | size }}",
    "join dicts": loop("{% assign s = event.rows | join %}"),
    "join a grid": loop("{% assign s = event.grid | join %}"),
    "sort same beginnings": loop("{% assign s = event.same | sort %}"),
    "sort many same": "{% assign s = event.same %}" + loop("{% assign s = s | concat: event.same | sort %}", 400),
    "sort by a group": loop("{% assign s = event.rows | sort: 'b' %}"),
    "sort naturally dicts": loop("{% assign s = event.rows | sort_natural %}"),
    "sort naturally by a group": loop("{% assign s = event.rows | sort_natural: 'b' %}"),
    "sort a list": loop("{% assign s = event.list | sort | reverse %}"),
    "sort words": loop("{% assign s = event.words | sort | sort_natural | reverse %}"),
    "sort a grid": loop("{% assign s = event.grid | sort %}"),
    "where by a group": loop("{% assign s = event.rows | where: 'b', event.rows.first.b %}"),
    "where in words": loop("{% assign s = event.rows | where: 'c', event.word %}"),
    "map a grid": loop("{% assign s = event.grid | map: 'a' %}"),
    "map rows": loop("{% assign s = event.rows | map: 'c' | compact | sort | join %}"),
    "map over words": loop("{% assign s = event.same | map: 'zzzz' %}"),
    "compact a grid": loop("{% assign s = event.grid | compact %}"),
    "flatten a grid": loop("{% assign s = event.grid | concat: event.grid | size %}"),
    "sum of texts": loop("{% assign s = event.numbers | sum %}"),
    "sum of a list": loop("{% assign s = event.list | sum %}"),
    "sum of rows": loop("{% assign s = event.rows | sum: 'a' %}"),
    "split to letters": loop("{% assign s = event.page | split: '' | size %}"),
    "split foreign letters": loop("{% assign s = event.foreign | split: '' | size %}"),
    "split and join": loop("{% assign s = event.page | split: ' ' | sort | join: 'a' | size %}"),
    "url_encode": loop("{% assign s = event.foreign | url_encode | size %}"),
    "url_decode": loop("{% assign s = event.percents | url_decode | size %}"),
    "squish": loop("{% assign s = event.page | squish | size %}"),
    "newline_to_br": loop("{% assign s = event.lines | newline_to_br | size %}"),
    "strip_newlines": loop("{% assign s = event.lines | strip_newlines | size %}"),
    "strip_html": loop("{% assign s = event.amps | strip_html | size %}"),
    "escape": loop("{% assign s = event.amps | escape | size %}"),
    "escape_once": loop("{% assign s = event.amps | escape_once | size %}"),
    "truncatewords": loop("{% assign s = event.page | truncatewords: 9999 | size %}"),
    "as_url": loop("{% assign s = 'https://a' | append: event.page | as_url | size %}"),
    "as_css": loop("{% assign s = event.page | as_css | size %}"),
    "date with a wide format": loop("{% assign s = 1796292000 | date: '%99999999d%99999999Y%9999H' %}"),
    "date of a long text": loop("{% assign s = event.page | date: '%Y' %}"),
    "date of a huge number": loop("{% assign s = event.huge | date: '%Y' %}"),
    "numbers with exponents": loop("{{ event.text | times: event.text | floor }}"),
    "numbers by name": loop("{{ 1 | times: other: event.text }}"),
    "times doubling": "{% assign n = 99999 %}" + loop("{% assign n = n | times: n %}"),
    "float doubling": "{% assign n = 99999.5 %}" + loop("{% assign n = n | times: n | floor %}"),
    "a huge number printed": loop("{{ event.huge }}"),
    "a float rounded": loop("{{ event.float | round: 999999999 | floor }}"),
    "modulo of far floats": loop("{{ event.float | modulo: 0.0000001 }}"),
    "offset into a list": loop("{% for x in event.list limit: 1 offset: 99998 %}{% endfor %}"),
    "a list turned round": loop("{% for x in event.list reversed limit: 1 %}{% break %}{% endfor %}"),
    "loops over nothing": loop("{% for x in event.none %}{% endfor %}" * 300),
    "loops in loops": nest("{% for i in (1..9) %}", "x", "{% endfor %}", 28),
    "loops after loops": "{% for i in (1..99) %}{% endfor %}" * 1_900,
    "ifs in ifs": nest("{% if true %}", "x", "{% endif %}", 300),
    "cases in cases": nest("{% case 1 %}{% when 1 %}", "x", "{% endcase %}", 300),
    "loops with long names": loop("{% for x in event['" + "k" * PIECE + "'] %}{% endfor %}" * 20),
    "values in values": loop("{% if " + "event[" * 20 + "'a'" + "]" * 20 + " %}{% endif %}" * 40),
    "a missing value of a long name": loop("{% assign x = event[event.long] | default: 1 %}"),
    "the loop joined": "{% for x in event.rows %}{% assign s = forloop | join %}{% endfor %}",
    "the loop looped": "{% for x in event.words %}{% for y in forloop %}{% endfor %}{% endfor %}",
    "ranges of facts": loop("{% assign s = (1..event.billion) | reverse %}"),
    "ranges sorted": loop("{% assign s = (1..9999) | sort | reverse | concat: s %}"),
    "a range to infinity": "{% for i in (1..event.infinite) %}{% endfor %}",
    "limits of infinity": "{% for i in event.list limit: event.infinite offset: event.nothing %}{% endfor %}",
    "the library's words": "{{ event.deep | join }}{{ event.deep | map: 'x' }}{{ event.nothing | ceil }}",
    "what is no key": "{% if event.dict contains event.list %}{% endif %}",
    "slices": loop("{% assign s = event.list | slice: 0, 99999 %}"),
    "slices of a dict": loop("{% assign s = event.dict | slice: 0, 3 %}"),
    "size of all": loop("{% assign s = event.long | size %}{% assign s = event.dict | size %}"),
    "default of all": loop("{% assign s = event.none | default: event.list | default: event.dict %}"),
    "many variables": "".join(f"{{% assign v{number} = event.page | upcase %}}" for number in range(1_900)),
    "many letters kept": "".join(f"{{% assign v{number} = event.foreign | split: '' %}}" for number in range(1_000)),
    "many filters": loop("{{ 'a'" + " | upcase" * 90 + " }}"),
    "many long filters": loop("{{ event.page" + " | upcase" * 90 + " | size }}"),
    "many arguments": loop("{{ 'a' | replace: " + ", ".join(["'a'"] * 150) + " }}"),
}  # fmt: skip

# A loop of 9,999 rounds is often refused for its rounds; what one round costs shows in fewer.
BY_HAND |= {
    f"{name}, {rounds} rounds": source.replace("(1..9999)", f"(1..{rounds})")
    for name, source in BY_HAND.items()
    for rounds in (400, 2_500, 4_000)
    if "(1..9999)" in source
}

# Sources that are hard to read, whatever they say.
TO_READ: dict[str, str] = {
    "many pieces": "{{ a }}" * 57_000,
    "many tags": "{% if a %}{% endif %}" * 19_000,
    "many assigns": "{% assign a = 1 | plus: 2 %}" * 14_000,
    "raws without an end": "{% raw %}" * 33_000,
    "docs without an end": "{% doc %}" * 33_000,
    "a piece of spaces": "{{" + " " * 390_000 + "}}",
    "a piece of spaces and a word": "{{" + " " * 390_000 + "x}}",
    "a tag of spaces": "{%" + " " * 390_000 + "%}",
    "pieces of spaces": ("{{" + " " * 3_000 + "}}") * 100,
    "tags of spaces": ("{% if" + " " * 3_000 + "x %}") * 100,
    "spaces around pieces": (" " * 3_000 + "{{- a -}}") * 100,
    "beginnings without an end": "{{" * 195_000,
    "tags without an end": "{% if " * 60_000,
    "beginnings with one end": "{{" * 195_000 + "}}",
    "tags with one end": "{% if " * 60_000 + "%}",
    "many ends": "}}" * 190_000 + "%}",
    "ends in reverse": "}}{{" * 90_000 + "}}",
    "comments without an end": "{% comment %}" * 29_000,
    "comments in comments": "{% comment %}" * 14_000 + "{% endcomment %}" * 14_000,
    "html comments without an end": "<!-- " * 70_000,
    "html comments": "<!-- {{ a }} -->" * 20_000,
    "quotes": "{{ " + "'" * 390_000 + " }}",
    "brackets": "{{ " + "a[" * 190_000 + " }}",
    "parentheses": "{% if " + "(" * 390_000 + " %}{% endif %}",
    "ranges": "{{ (" + "(1.." * 90_000 + " }}",
    "pipes": "{{ a " + "| upcase " * 40_000 + "}}",
    "ands": "{% if a " + "and a " * 60_000 + "%}{% endif %}",
    "whens": "{% case 1 %}{% when 1" + ",1" * 190_000 + "%}{% endcase %}",
    "dots": "{{ a" + ".a" * 190_000 + " }}",
    "numbers": "{{ " + "9" * 390_000 + " }}",
    "blocks in blocks": "{% if a %}" * 38_000,
    "only text": "a" * 390_000,
    "only braces": "{ " * 190_000 + "{{ a }}",
    "only lines": "\n" * 390_000 + "{{ a }}",
    "only less-than": "<" * 390_000 + "{{ a }}",
    "inline comments": "{% # a %}" * 43_000,
    "unclosed quotes": "{{ 'a }}" * 40_000,
    # As much as may be.
    "most pieces": "{{ abcdefghijklm }}" * 1_999,
    "most tags": ("{% if a %}" + "{% endif %}") * 999,
    "most whens": "{% case 1 %}" + ("{% when 1" + ",1" * 480 + "%}") * 40 + "{% endcase %}",
    "most dots": ("{{ a" + ".a" * 480 + " }}") * 40,
    "many brackets": ("{{ " + "a[" * 300 + "a" + "]" * 300 + " }}") * 40,
    "most brackets": ("{{ " + "a[" * 20 + "a" + "]" * 20 + " }}") * 600,
    "most ands": ("{% if a " + "and a " * 150 + "%}{% endif %}") * 40,
    "most pipes": ("{{ a " + "| upcase " * 100 + "}}") * 40,
    "most arguments": ("{{ a | join: 1" + ",1" * 450 + "}}") * 40,
    "most spaces": ("{{ a" + (" " * 95 + "| upcase") * 9 + " " * 50 + "}}") * 40,
    "most spaces alone": ("{{" + " " * 99 + "}}") * 380,
    "most text": "{{ a }}" + "a{" * 199_000,
    "most spaces outside": ("{{- a -}}" + " " * 1_900) * 200,
}  # fmt: skip


# The dearest lines and bodies that are still filled, all in one message.
_DEAR = {
    "lookups": "{% if event.word and event.word and event.word and event.word %}{% endif %}",
    "filters": "{% assign s = event.word | append: 'a' | upcase | escape | url_encode | squish %}",
    "captures": "{% capture s %}{{ event.word }}{{ i }}{% endcapture %}",
    "links": "{% assign s = 'https://a' | append: event.word | as_url | as_css_url %}",
    "dates": "{% assign s = 1796292000 | date: '%A %B %c %x %X %Y' %}",
    "sorts": "{% assign s = event.few | sort: 'a' | map: 'c' | join %}",
}
MESSAGES = {
    f"{name} {line} and {body} times": (loop(dear, line) + "x", loop(dear, body) + "x" * 500)
    for name, dear in _DEAR.items()
    for line, body in ((100, 800), (200, 1_600), (350, 2_800), (600, 5_000))
}


class Case(NamedTuple):
    """One template to fill with the hostile facts."""

    name: str
    source: str


_LEAVES = [*(f"event.{name}" for name in EVENT), "event.none", "contact", "i", "s", "s", "c", "forloop",
    "forloop.parentloop", "event.dict.key7", "event.rows.first", "event.rows[3].b", "event.deep.first.last",
    "event[event.word]", "workspace.name", "'a'", "''", "' '", "' '", "'%Y-%m-%d'", "'https://a'", "'c'", "'b'",
    "1", "0", "-1", "9999", "0.5", "nil", "blank", "empty", "true", "(1..9999)", "(1..event.billion)",
    "(0..i)"]  # fmt: skip
_MILD = ["event.few", "event.few", "event.tags", "event.word", "event.word", "event.rows", "event.words", "event.page",
    "contact.firstName", "i.a", "i.c", "i", "s", "s", "'a'", "'a'", "'c'", "' '", "1", "2", "(1..9)"]  # fmt: skip
_FILTERS = (
    "abs append as_css as_css_url as_url at_least at_most capitalize ceil compact concat date default divided_by "
    "downcase escape escape_once first floor join last lstrip map minus modulo newline_to_br plus prepend remove "
    "remove_first remove_last replace replace_first replace_last reverse round rstrip size slice sort sort_natural "
    "split squish strip strip_html strip_newlines sum times truncate truncatewords upcase url_decode url_encode where"
).split()


class Grammar:
    """Writes templates that Liquid accepts, of every tag and filter, with the hostile facts in every place."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def template(self) -> str:
        """One template."""
        return "".join(self.node(4) for _ in range(self.random.randint(1, 6)))

    def node(self, depth: int) -> str:
        kinds: list[Callable[[int], str]] = [self.printed, self.assigned]
        if depth:
            kinds += [self.looped, self.looped, self.captured, self.chosen, self.cased, self.words]
        return self.random.choice(kinds)(depth)

    def block(self, depth: int) -> str:
        times = self.random.choice((1, 1, 2, 3, 40 if depth < 3 else 1))
        return "".join(self.node(depth - 1) for _ in range(self.random.randint(1, 3))) * times

    def leaf(self) -> str:
        return self.random.choice(self.random.choice((_MILD, _MILD, _MILD, _LEAVES)))

    def value(self) -> str:
        filters = "".join(f" | {self.filter()}" for _ in range(self.random.choice((0, 1, 1, 2, 3, 8))))
        return self.leaf() + filters

    def filter(self) -> str:
        given = ", ".join(self.leaf() for _ in range(self.random.choice((0, 0, 1, 1, 2))))
        return self.random.choice(_FILTERS) + (f": {given}" if given else "")

    def printed(self, _depth: int) -> str:
        return f"{{{{ {self.value()} | default: 'd' }}}}"

    def assigned(self, _depth: int) -> str:
        return f"{{% assign {self.random.choice('sc')} = {self.value()} %}}"

    def words(self, _depth: int) -> str:
        return "words " * self.random.choice((1, 9, 900))

    def looped(self, depth: int) -> str:
        over = self.random.choice(("(1..4999)", "(1..99)", "(1..9)", "event.few", "event.rows", "s", self.leaf()))
        how = self.random.choice(("", "", " reversed", " limit: 3 offset: 90000", f" limit: {self.leaf()}"))
        return f"{{% for i in {over}{how} %}}{self.block(depth)}{{% endfor %}}"

    def captured(self, depth: int) -> str:
        return f"{{% capture s %}}{self.block(depth)}{{% endcapture %}}"

    def chosen(self, depth: int) -> str:
        tests = (
            f"{self.leaf()} {self.random.choice(('==', '!=', '<', '>=', 'contains'))} {self.leaf()}" for _ in "abc"
        )
        condition = self.random.choice((" and ", " or ")).join(tests)
        return f"{{% if {condition} %}}{self.block(depth)}{{% else %}}{self.block(depth)}{{% endif %}}"

    def cased(self, depth: int) -> str:
        when = ", ".join(self.leaf() for _ in range(self.random.choice((1, 2, 9))))
        return f"{{% case {self.leaf()} %}}{{% when {when} %}}{self.block(depth)}{{% endcase %}}"


def by_grammar(seeds: range) -> list[Case]:
    """One template a seed."""
    return [Case(f"seed {seed}", Grammar(seed).template()) for seed in seeds]
