"""``meterhub doctor``."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from meterhub.cli.grammar import command
from meterhub.cli.output import console, show

_STYLES = {"good": "green", "look": "yellow", "bad": "bold red"}


def add_commands(commands: Any) -> None:
    """Enter the command."""
    command(commands, "doctor", _doctor, "examine the home and the machine, and say what to do")


async def _doctor(options: argparse.Namespace) -> int:
    from meterhub.doctor import Finding, Verdict, examine

    findings: list[Finding] = await examine(options.home)
    if options.json:
        show(msgspec.to_builtins(findings), as_json=True)
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            text = Text(finding.text)
            if finding.advice:
                text.append(f"\n→ {finding.advice}", style="dim")
            table.add_row(Text(finding.verdict, style=_STYLES[finding.verdict]), Text(finding.check), text)
        console.print(table)
    return 1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0
