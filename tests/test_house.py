"""The habits of the house, checked like any behaviour."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE_MAX, FUNCTION_MAX = 400, 50  # Lines
MEDIAN_MAX, P90_MAX = 6, 20  # Lines of a function

pytestmark = pytest.mark.one_database


def tracked(*patterns: str) -> list[Path]:
    """The project's files that match; all of them on disk where this is no checkout."""
    done = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    return [path for path in tracked("*.py") if "migrations" not in path.parts]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and its length in lines, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or 0) - first.lineno + 1


def test_every_file_opens_with_a_line_that_says_what_it_is_for() -> None:
    silent = [path for path in sources() if path.read_text() and not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_no_file_is_over_400_lines() -> None:
    assert not [path for path in sources() if len(path.read_text().splitlines()) > FILE_MAX]


def test_functions_are_short() -> None:
    lengths = dict(entry for path in sources() if "tests" not in path.parts for entry in functions(path))
    assert not [name for name, length in lengths.items() if length > FUNCTION_MAX]
    assert median(lengths.values()) <= MEDIAN_MAX
    assert sorted(lengths.values())[len(lengths) * 9 // 10] <= P90_MAX


def test_there_is_one_catch_all_and_it_is_in_the_worker() -> None:
    broad = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        if path.is_relative_to(ROOT / "cocoonmail")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.match(r"\s*except( Exception\b.*| BaseException\b.*)?:", line)
    ]
    assert all(place.startswith(("cocoonmail/worker.py", "cocoonmail/kit/groupcommit.py")) for place in broad), broad


def test_only_the_clock_asks_what_time_it_is() -> None:
    asking = re.compile(r"\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(")
    places = [
        path for path in sources() if path.is_relative_to(ROOT / "cocoonmail") and asking.search(path.read_text())
    ]
    assert places == [ROOT / "cocoonmail" / "kit" / "clock.py"]


def test_no_file_names_a_package_registry_or_the_reference_beside_the_project() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted", "registry.npm" + "js", "npmjs" + ".org"]
    for path in tracked():
        if path.suffix in {".png", ".ico", ".woff2"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [host for host in hosts if host in text], path


def test_every_unique_key_of_a_workspaces_rows_carries_the_workspace() -> None:
    from django.apps import apps

    for model in apps.get_models():
        if not model.__module__.startswith("cocoonmail.") or "workspace" not in {f.name for f in model._meta.fields}:
            continue
        for constraint in model._meta.constraints:
            fields = getattr(constraint, "fields", ())
            assert {"workspace", "loop", "endpoint"} & set(fields), f"{model.__name__}: {constraint.name}"


def test_the_documents_that_the_readme_names_exist() -> None:
    names = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text())
    missing = [name for name in names if not (ROOT / name).exists()]
    assert not missing
