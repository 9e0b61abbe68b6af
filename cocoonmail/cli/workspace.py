"""The commands that treat a workspace as a file: apply and export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The workspace's file, YAML or JSON; - for standard input.")],
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Make the workspace look like the file, and print what changed and the endpoints' URLs."""
    enter(data, may_be_new=not dry_run)
    from cocoonmail.api.ascode.apply import apply as make_it_so
    from cocoonmail.api.ascode.spec import BadFile, read_file
    from cocoonmail.kit.clock import database_now
    from cocoonmail.vault.migrate import migrate

    migrate()
    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8")
        report = make_it_so(read_file(text), database_now(), dry_run=dry_run)
    except (BadFile, OSError, UnicodeDecodeError) as error:
        raise fail(f"{file}: {error}") from error
    would = "would change: " if dry_run else ""
    for line in report.lines or ["nothing to change"]:
        typer.echo(f"{would if report.lines else ''}{line}")
    for line in report.left_alone:
        typer.echo(f"not in the file, left alone: {line}")
    for name, url in report.urls.items():
        typer.echo(f"{name}: {url or 'its address is given when the file is applied'}")


@app.command()
def export(
    data: Data = None,
    workspace: Annotated[str, typer.Option(help="The workspace's name, where there are several.")] = "",
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Write secrets and passwords too.")] = False,
) -> None:
    """Write the workspace as a file that `apply` reads, to standard output."""
    enter(data)
    from cocoonmail.accounts.models import Workspace
    from cocoonmail.api.ascode.export import export as as_yaml

    found = Workspace.objects.filter(name=workspace) if workspace else Workspace.objects.all()
    if len(found) != 1:
        names = ", ".join(str(one) for one in Workspace.objects.all())
        raise fail(f"Say which one with --workspace: {names}" if names else "There is no workspace yet.")
    typer.echo(as_yaml(found[0], with_secrets=with_secrets), nl=False)
