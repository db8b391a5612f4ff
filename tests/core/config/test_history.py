"""Revisions on disk: a power cut at any moment leaves the old or the new document, never a mixture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from meterhub_sdk import Refused

from meterhub.config import history as history_module
from meterhub.config.document import Revision
from meterhub.config.history import History


class PowerCut(BaseException):
    """Nothing after it happens."""


class Disk:
    """Lets so many operations on files pass, then the power fails: this one and all after it do nothing."""

    NAMES = ("open", "fsync", "rename", "unlink", "link", "fchmod")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
        self.left = allowed
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **named: Any) -> Any:
            if self.left <= 0:
                raise PowerCut
            self.left -= 1
            return real(*arguments, **named)

        return operation


def revision(number: int, value: str = "x") -> Revision:
    return Revision(number=number, services={"meter": {"value": value}, "server": {"value": value}})


STEPS: dict[str, Callable[[History], None]] = {
    "write and activate": lambda h: (h.write(revision(2, "new")), h.activate(2, confirmed=False))[0],
    "write, activate and confirm": lambda h: (
        h.write(revision(2, "new")),
        h.activate(2, confirmed=False),
        h.confirm(),
    )[0],
    "take back": lambda h: h.activate(1, confirmed=True),
    "rename": lambda h: h.rename(1, "summer"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_between_any_two_operations_leaves_the_old_or_the_new(tmp_path: Path, step: str) -> None:
    outcomes = set()
    for cut in range(40):
        home = tmp_path / str(cut)
        first = History(home)
        first.write(revision(1, "old"))
        first.activate(1, confirmed=True)
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = Disk(monkeypatch, cut)
            try:
                STEPS[step](first)
            except PowerCut:
                done = False
            else:
                done = disk.left > 0
        after = History(home)  # the next start
        running = after.read(after.state.confirmed)
        assert running.services in (revision(1, "old").services, revision(2, "new").services)
        assert after.read(after.state.active).services["meter"] == after.read(after.state.active).services["server"]
        assert all(after.read(number) for number in after.numbers())
        after.write(revision(after.next_number(), "later"))  # nothing left over is in the way
        outcomes.add((after.state.active, after.state.confirmed))
        if done:
            break
    else:
        pytest.fail("the step never came to its end")
    assert {(1, 1)} <= outcomes <= {(1, 1), (2, 1), (2, 2)}


ENDLESS = """
import pathlib, sys
from meterhub.config.document import Revision
from meterhub.config.history import History

history = History(pathlib.Path(sys.argv[1]))
number = 0
while True:
    number += 1
    text = str(number) * 2000
    history.write(Revision(number=number, services={"a": {"value": text}, "b": {"value": text}}))
    history.activate(number, confirmed=False)
    history.confirm()
    print(number, flush=True)
"""


def test_kill_9_loses_no_confirmed_revision(tmp_path: Path) -> None:
    program = tmp_path / "endless.py"
    program.write_text(ENDLESS)
    command = [sys.executable, str(program), str(tmp_path / "home")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(15):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout.read().split()]
    after = History(tmp_path / "home")
    assert after.state.confirmed >= (told[-1] if told else 15)
    kept = after.read(after.state.confirmed)
    assert kept.services["a"] == kept.services["b"] == {"value": str(kept.number) * 2000}


def test_a_new_instance_begins_with_the_empty_revision(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert (history.state.active, history.state.confirmed) == (0, 0)
    assert history.read(0).services == {}
    assert history.next_number() == 1
    assert history.summaries() == []


def test_an_unknown_revision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no revision 7; see the history"):
        History(tmp_path).read(7)


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.write(revision(1))
    assert history.next_number() == 2  # written, though it never ran
    history.activate(1, confirmed=True)
    assert History(tmp_path).next_number() == 2


def test_the_newest_and_the_named_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "KEPT", 3)
    history = History(tmp_path)
    for number in range(1, 11):
        history.write(revision(number))
        if number == 4:
            history.rename(4, "before the winter")
        if number == 5:
            history.activate(5, confirmed=True)
    history.activate(10, confirmed=False)
    assert history.numbers() == [4, 5, 8, 9, 10]  # 5 is the way back from 10
    assert [summary.number for summary in history.summaries()] == [10, 9, 8, 5, 4]
    assert history.summaries()[-1].name == "before the winter"
    assert history.summaries()[0].services == ["meter", "server"]


def test_a_revision_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "000001.json").write_bytes(
        msgspec.json.encode({"number": 1, "services": {"meter": {}}, "something": "that went away"})
    )
    assert History(tmp_path).read(1).services == {"meter": {}}
