"""The command that says what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cocoonmail.cli.app import Data, app, enter

if TYPE_CHECKING:
    from cocoonmail.watch.doctor.finding import Finding

COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "problem": typer.colors.RED}


@app.command()
def doctor(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Examine this installation, and say of each trouble what to do about it. Exit code 1 when there is a problem."""
    enter(data)
    from cocoonmail.watch.doctor.examine import examine, is_ill

    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _say(finding)
    if as_json:
        typer.echo(json.dumps({"ill": is_ill(findings), "findings": [asdict(finding) for finding in findings]}))
    raise typer.Exit(int(is_ill(findings)))


def _say(finding: Finding) -> None:
    level = typer.style(f"{finding.level:<8}", fg=COLOURS[finding.level])
    typer.echo(f"{level} {finding.about:<12} {finding.what}")
    if finding.remedy:
        typer.echo(f"{'':<21} → {finding.remedy}")
