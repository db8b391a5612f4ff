"""``meterhub events``: reading, filtering, following and verifying."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_entries_are_shown_oldest_first_with_the_newest_at_the_end(call: Call, shared_home: Path) -> None:
    call(shared_home, "config", "enter")
    call(shared_home, "config", "discard")
    entries = call(shared_home, "events", "--limit", "200", json=True).json
    assert [entry["sequence"] for entry in entries] == sorted(entry["sequence"] for entry in entries)
    assert "/command/configuration/discard" in entries[-1]["text"]
    assert call(shared_home, "events").out.splitlines()[-1].rstrip().endswith("post /command/configuration/discard")


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        (["--log", "system"], lambda entry: entry["log"] == "system"),
        (["--number", "300"], lambda entry: entry["name"] == "instance-started"),
        (["--source", "core"], lambda entry: entry["source"] == "core"),
        (["--least", "notice"], lambda entry: entry["severity"] not in ("info", "debug")),
        (["--text", "started"], lambda entry: "started" in entry["text"]),
        (["--since", "1h"], lambda entry: True),
    ],
)
def test_filters_choose_entries(
    call: Call, shared_home: Path, filters: list[str], holds: Callable[[Any], bool]
) -> None:
    entries = call(shared_home, "events", *filters, json=True).json
    assert entries
    assert all(map(holds, entries))


def test_a_time_before_the_first_entry_finds_nothing(call: Call, shared_home: Path) -> None:
    assert "no entries" in call(shared_home, "events", "--until", "2001-01-01T12:30").out


def test_more_entries_than_a_page_are_found_once_each(call: Call, shared_home: Path) -> None:
    for _ in range(60):
        call(shared_home, "config", "discard")  # refused: no event
        call(shared_home, "config", "enter")
    call(shared_home, "config", "discard")
    sequences = [entry["sequence"] for entry in call(shared_home, "events", "--limit", "110", json=True).json]
    assert len(sequences) == len(set(sequences)) > 60


@pytest.mark.parametrize("wrong", [["--since", "yesterday"], ["--limit", "0"], ["--log", "kitchen"]])
def test_a_wrong_argument_is_wrong_usage(call: Call, shared_home: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call(shared_home, "events", *wrong)
    assert ended.value.code == 2


def test_what_comes_is_followed_until_interrupted(call: Call, shared_home: Path) -> None:
    command = [sys.executable, "-m", "meterhub", "--home", str(shared_home), "--json", "events", "--limit", "1"]
    with subprocess.Popen([*command, "--follow"], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            first = json.loads(following.stdout.readline())
            call(shared_home, "config", "enter")
            call(shared_home, "config", "discard")
            news = [json.loads(following.stdout.readline()) for _ in range(4)]
        finally:
            following.terminate()
    assert [entry["sequence"] for entry in news] == list(range(first["sequence"] + 1, first["sequence"] + 5))
    assert news[-1]["text"].endswith("/command/configuration/discard")


@pytest.mark.parametrize("runs", [True, False])
def test_an_untouched_log_is_verified(call: Call, request: pytest.FixtureRequest, *, runs: bool) -> None:
    home = request.getfixturevalue("shared_home" if runs else "home")
    said = call(home, "events", "verify")
    assert (said.status, said.out) == (0, "the event log is what was recorded\n")
    assert call(home, "events", "verify", json=True).json == {"good": True, "faults": []}


def test_a_change_of_a_stopped_log_is_found(call: Call, home: Path) -> None:
    with closing(sqlite3.connect(home / "core.db")) as database, database:
        database.execute("UPDATE event SET text = 'nothing happened' WHERE sequence = 2")
    said = call(home, "events", "verify")
    assert said.status == 1
    assert "sequence 2 was changed" in said.err
    faults = call(home, "events", "verify", json=True)
    assert (faults.status, faults.json["good"]) == (1, False)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda home: (home / "event.key").unlink(), "event.key cannot be read"),
        (lambda home: (home / "core.db").write_bytes(b"not a database" * 1000), "cannot be read"),
        (lambda home: (home / "core.db").unlink(), "is no home of an instance"),
    ],
)
def test_what_cannot_be_verified_is_one_sentence(
    call: Call, home: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    damage(home)
    before = sorted(home.iterdir())
    said = call(home, "events", "verify")
    assert (said.status, sentence in said.err, len(said.err.splitlines())) == (1, True, 1)
    assert sorted(home.iterdir()) == before
