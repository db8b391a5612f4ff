"""The line in a process of its own: by the wrapper, and as people start it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from meterhub_sdk.simulation import Faults, LineProcess, LineProcessError
from meterhub_sdk.tools.cli import main

STATION = """
def reverse(prefix=""):
    return lambda data: [prefix.encode() + data[::-1]]

def two():
    return [lambda data: [b"one"] if data[-1:] == b"1" else [], lambda data: [b"two"] if data[-1:] == b"2" else []]

def broken():
    def station(data):
        raise LookupError("no such meter")
    return station
"""


@pytest.fixture
def stations(tmp_path: Path) -> Path:
    (tmp_path / "stations_of_a_test.py").write_text(STATION)
    return tmp_path


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_a_station_given_as_an_import_path_answers_and_the_counts_come_back(stations, port):
    line = LineProcess(
        station="stations_of_a_test:reverse", arguments={"prefix": ">"}, import_from=[stations], turnaround=0.01
    )
    with line:
        master = port(line.paths["master"])
        master.write(b"abc")
        assert master.read(4) == b">cba"
        asked = line.ask()
        assert (asked.requests, asked.replies, asked.reply_bytes) == (1, 1, 4)
        master.write(b"d")
        assert master.read(2) == b">d"
        assert [bytes(burst.data) for burst in line.bursts()] == [b"abc", b">cba", b"d", b">d"]
        request, reply, *_ = line.bursts()
        assert reply.begin - request.end == pytest.approx(0.01)
    assert (line.statistics.requests, line.statistics.replies) == (2, 2)
    assert line.statistics.seconds > asked.seconds


def test_a_factory_may_make_several_stations(stations, port):
    with LineProcess(station="stations_of_a_test:two", import_from=[stations], baud=115200) as line:
        master = port(line.paths["master"])
        for number, answer in [(b"2", b"two"), (b"1", b"one")]:
            master.write(number)
            assert master.read(3) == answer


def test_faults_are_made_and_counted(stations, port):
    faults = Faults(lost=1.0, seed=3)
    with LineProcess(links=[stations / "a", stations / "b"], faults=faults, echo=True) as line:
        a = port(str(stations / "a"))
        a.write(b"gone")
        assert a.read(4) == b"gone"
    assert set(line.paths) == {"a", "b"}
    assert (line.statistics.lost, line.statistics.replies) == (1, 0)


def test_no_child_is_left_whatever_ends_the_block(stations):
    line = LineProcess(station="stations_of_a_test:reverse", import_from=[stations])
    with pytest.raises(KeyError), line:
        raise KeyError
    assert gone(line._child.pid)


def test_a_station_that_fails_ends_the_line_with_its_words(stations, port):
    line = LineProcess(station="stations_of_a_test:broken", import_from=[stations])

    def talk():
        with line:
            port(line.paths["master"]).write(b"ask")
            line._child.wait(10)
            line.ask()

    with pytest.raises(LineProcessError, match="no such meter"):
        talk()
    assert gone(line._child.pid)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"station": "nowhere_at_all:x"}, "the station nowhere_at_all:x is not to be had: No module named"),
        ({"station": "json:nothing"}, "has no attribute 'nothing'; give package.module:factory"),
        ({"station": "json:loads", "arguments": {"s": "{"}}, "the station json:loads cannot be made: Expecting"),
        ({"baud": 1}, "the speed is 1 Bd"),
    ],
)
def test_a_line_that_cannot_be_is_one_sentence(settings, sentence):
    with pytest.raises(LineProcessError, match=sentence) as caught, LineProcess(**settings):
        raise AssertionError
    assert "Traceback" not in str(caught.value)


def test_the_child_ends_when_its_parent_is_killed(stations):
    program = (
        "import sys, time\nfrom meterhub_sdk.simulation import LineProcess\n"
        "with LineProcess() as line:\n    print(line._child.pid, flush=True)\n    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    descriptor = os.pidfd_open(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert select.select([descriptor], [], [], 20)[0], "the child outlives its parent"
    os.close(descriptor)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_the_devices_and_at_its_end_the_counts(tmp_path, port, number):
    command = [sys.executable, "-m", "meterhub_sdk.simulation", f"--link={tmp_path / 'A'}", f"--link={tmp_path / 'B'}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    terminals = json.loads(process.stdout.readline())["terminals"]
    assert terminals == {name: os.readlink(tmp_path / name) for name in "AB"}
    port(terminals["A"]).write(b"x")
    assert port(terminals["B"]).read(1) == b"x"
    process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    assert json.loads(said)["statistics"]["requests"] == 1
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--loss", "101"], "the rate lost is 1.01"),
        (["--station", "json:loads", "--arguments", "[1]"], "no JSON object"),
        (["--station", "json:loads", "--arguments", "{"], "the station's arguments are no JSON"),
        (["--link", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_the_command_refuses_in_one_sentence_with_the_status_one(capsys, monkeypatch, arguments, sentence):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert main(["simulate-line", *arguments]) == 1
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
