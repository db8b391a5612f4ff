"""Secrets are asked for without echo; times and numbers are understood or refused; every command explains itself."""

from __future__ import annotations

import argparse
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meterhub import cli
from meterhub.cli.grammar import count, day, moment, roles
from meterhub.cli.tree import typed

Call = Callable[..., Any]


def at_a_terminal(home: Path, answers: list[str], *arguments: str) -> tuple[int, str]:
    """Run a command at a terminal and answer its questions: its status, and all that the terminal showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "meterhub", "--home", str(home), *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown = ""
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            for answer in answers:
                while not shown.endswith(": "):
                    shown += terminal.read(1).decode()
                terminal.write(f"{answer}\n".encode())
                shown += " "
            while True:
                try:
                    data = terminal.read(1000)
                except OSError:  # the program has ended
                    break
                shown += data.decode()
        status = process.wait()
    return status, shown


def test_a_secret_is_asked_for_twice_without_echo(call: Call, shared_home: Path) -> None:
    status, shown = at_a_terminal(shared_home, ["open sesame", "open sesame"], "secret", "set", "asked")
    assert status == 0, shown
    assert "Value again: " in shown
    assert "sesame" not in shown
    assert "asked" in call(shared_home, "secret", "list", json=True).json
    call(shared_home, "secret", "delete", "asked")


def test_two_different_inputs_change_nothing(call: Call, shared_home: Path) -> None:
    status, shown = at_a_terminal(shared_home, ["open sesame", "open barley"], "secret", "set", "asked")
    assert (status, "the two inputs differ" in shown) == (1, True)
    assert "asked" not in call(shared_home, "secret", "list", json=True).json


def test_a_time_is_an_age_or_iso_8601() -> None:
    now = datetime.now(UTC)
    assert timedelta(0) <= moment("2h") - (now - timedelta(hours=2)) < timedelta(minutes=1)
    assert moment("2026-03-01T12:30+02:00") == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    assert moment("2026-03-01").tzinfo is not None
    assert roles("R2,R5 R6") == "R2 R5 R6"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (moment, "yesterday"),
        (moment, "2"),
        (day, "2026-02-30"),
        (count, "0"),
        (count, "-1"),
        (count, "1e9"),
        (count, "²"),
    ],
)
def test_what_is_no_time_or_number_is_refused(kind: Callable[[str], object], given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        kind(given)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


def test_every_command_and_option_explains_itself() -> None:
    ours = ("config", "licence", "feature", "secret", "user", "rights", "token", "session", "events", "logs", "backup")
    ours = (*ours, "restore", "recover-admin", "doctor")
    for parser in parsers(cli._parser()):
        if parser.prog.split()[1:2] and parser.prog.split()[1] in ours:
            assert parser.description, parser.prog
            assert parser.format_help()
            silent = [action for action in parser._actions if action.option_strings and not action.help]
            assert not silent, (parser.prog, silent)


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("[1, 2]", [1, 2]), ("five", "five"), ("-----BEGIN", "-----BEGIN"), ("", "")]
)
def test_a_value_from_a_file_is_what_it_would_be_on_the_command_line(tmp_path: Path, text: str, value: object) -> None:
    (tmp_path / "given").write_text(text)
    assert typed(text) == typed(f"@{tmp_path / 'given'}") == value
