"""``meterhub logs``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The directory of logs of a home."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "meterhub-dlms.old.log").write_text("old 1\nold 2\n")
    (tmp_path / "logs" / "meterhub-dlms.log").write_text("new 1\nnew 2\n")
    (tmp_path / "logs" / "meterhub-modbus.check.log").write_text("only\n")
    return tmp_path / "logs"


def test_the_newest_lines_of_a_worker_reach_back_into_its_older_file(call: Call, logs: Path) -> None:
    assert call(logs.parent, "logs", "meterhub-dlms", "--lines", "3").out == "old 2\nnew 1\nnew 2\n"
    assert call(logs.parent, "logs", "meterhub-dlms", "--lines", "1").out == "new 2\n"


def test_all_workers_stand_under_their_names(call: Call, logs: Path) -> None:
    out = call(logs.parent, "logs", "--lines", "1").out
    assert out == "==> meterhub-dlms <==\nnew 2\n==> meterhub-modbus.check <==\nonly\n"
    rows = call(logs.parent, "logs", "--lines", "1", json=True).json
    assert rows[1] == {"worker": "meterhub-modbus.check", "lines": ["only"]}


@pytest.mark.parametrize("name", ["meterhub-iec104", "../secrets", "meterhub-dlms.old"])
def test_a_worker_without_a_log_is_refused_naming_those_that_have_one(call: Call, logs: Path, name: str) -> None:
    said = call(logs.parent, "logs", name)
    assert said.status == 1
    assert "meterhub-dlms, meterhub-modbus.check" in said.err


def test_a_home_without_logs_has_none_to_show(call: Call, tmp_path: Path) -> None:
    assert call(tmp_path, "logs").status == 0
    assert "those that have: none" in call(tmp_path, "logs", "meterhub-dlms").err


def test_what_a_plugin_wrote_cannot_steer_the_terminal(call: Call, logs: Path) -> None:
    (logs / "meterhub-dlms.log").write_bytes(b"\x1b[2J\x07wiped \xff\n")
    assert call(logs.parent, "logs", "meterhub-dlms", "--lines", "1").out == "\\x1b[2J\\x07wiped �\n"


def test_new_lines_are_followed_through_a_change_of_files(logs: Path) -> None:
    command = [sys.executable, "-m", "meterhub", "--home", str(logs.parent), "--json", "logs", "meterhub-dlms"]
    with subprocess.Popen([*command, "--lines", "1", "--follow"], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None

        def line() -> str:
            assert following.stdout is not None
            return str(json.loads(following.stdout.readline())["line"])

        try:
            assert line() == "new 2"
            with (logs / "meterhub-dlms.log").open("a") as log:
                log.write("new 3\n")
            assert line() == "new 3"
            with (logs / "meterhub-dlms.log").open("a") as log:
                log.write("last words\n")
            (logs / "meterhub-dlms.log").replace(logs / "meterhub-dlms.old.log")
            (logs / "meterhub-dlms.log").write_text("in the next file\n")
            assert [line(), line()] == ["last words", "in the next file"]
        finally:
            following.terminate()
