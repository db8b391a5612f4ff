"""The commands ``meterhub`` and ``meterhub-sdk``, from their parsers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from reference_pages.markdown import code, page, prose, table

_SHOWN_HOME = "$METERHUB_HOME"


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each program; the usual home, which depends on the user, is shown as a variable."""
    from meterhub_sdk.tools import cli as tools

    from meterhub import cli

    before = os.environ.get("METERHUB_HOME")
    os.environ["METERHUB_HOME"] = _SHOWN_HOME
    try:
        return {"meterhub": cli._parser(), "meterhub-sdk": tools._parser()}
    finally:
        if before is None:
            del os.environ["METERHUB_HOME"]
        else:
            os.environ["METERHUB_HOME"] = before


def commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Every command below a parser: its full name, its own parser, and its line in the list."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            lines = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for word, own in action.choices.items():
                yield f"{name} {word}", own, lines.get(word, "")
                yield from commands(f"{name} {word}", own)


def command_line_page() -> str:
    """All commands with their arguments and options."""
    parts = []
    for program, parser in parsers().items():
        parts.append(f"## {program}\n\n{prose(parser.description or '')}\n\n{_options(parser)}")
        for name, own, line in commands(program, parser):
            options = _options(own)
            if options or not _has_commands(own):
                parts.append(f"### {name}\n\n{(own.description or _sentence(line)).strip()}\n\n{options}")
    return page(
        "Command line",
        "`meterhub` speaks to a running instance through the control socket in its home; only the owner of the home "
        "and root may. Without `--home` the home is `$METERHUB_HOME`, else `/var/lib/meterhub` for root and "
        "`~/.local/state/meterhub` for others. The exit status is 0 when it was done, 1 when it was refused (one "
        "sentence on standard error says why), 2 for wrong usage.",
        *parts,
    )


def _has_commands(parser: argparse.ArgumentParser) -> bool:
    return any(isinstance(action, argparse._SubParsersAction) for action in parser._actions)


def _sentence(line: str) -> str:
    return f"{line[:1].upper()}{line[1:]}." if line else ""


def _options(parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        rows.append((code(_form(action)), _help(action, parser)))
    return table(("argument", "meaning"), rows)


def _form(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    if not action.option_strings:
        name = metavar or action.dest
        return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} ..."}.get(str(action.nargs), name)
    value = "" if action.nargs == 0 else f" {metavar or action.dest.upper()}"
    if action.choices is not None and action.nargs != 0:
        value = f" {{{','.join(map(str, action.choices))}}}"
    return ", ".join(action.option_strings) + value


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    fields = {**vars(action), "prog": parser.prog}
    text = (action.help or "") % fields
    return f"{text} (must be given)" if action.required and action.option_strings else text
