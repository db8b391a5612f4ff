"""The line in real time, with real pseudo-terminals; bounds are lower bounds, by the line's own clock."""

from __future__ import annotations

import asyncio
import os
import termios
import threading

import pytest
from meterhub_sdk.serial import open_line
from meterhub_sdk.simulation import InProcess, Reply, SimulatedLine, Terminal
from meterhub_sdk.testing import FakeHub


def test_two_programs_talk_over_a_line_and_nothing_comes_early(port):
    with SimulatedLine(Terminal("a"), Terminal("b"), baud=9600) as line:
        a, b = port(line.paths["a"]), port(line.paths["b"])
        begin = line.clock()
        a.write(bytes(range(96)))
        assert b.read(96) == bytes(range(96))
        assert line.clock() - begin >= 0.1
        b.write(b"answer")
        assert a.read(6) == b"answer"
        first, second = line.bursts
        assert (first.party, second.party) == ("a", "b")
        assert first.end - first.begin == pytest.approx(0.1)
        assert second.begin > first.end
        assert (line.statistics.requests, line.statistics.replies) == (1, 1)


def test_a_station_answers_after_its_turnaround(port):
    with SimulatedLine(Terminal("master"), InProcess(lambda data: [data[::-1]], turnaround=0.03)) as line:
        master = port(line.paths["master"])
        for number in range(5):
            master.write(b"number %d" % number)
            assert master.read(8) == (b"number %d" % number)[::-1]
        bursts = line.bursts
    assert len(bursts) == 10
    for request, reply in zip(bursts[::2], bursts[1::2], strict=True):
        assert reply.begin - request.end == pytest.approx(0.03)
    assert line.statistics.ends == 10
    assert 0 <= line.statistics.latest <= line.statistics.lateness


async def test_the_sign_on_of_mode_e_over_the_sdk_s_serial_line(tmp_path):
    """300 Bd for the sign-on, acknowledged at 300, and from then on 9,600 at both ends."""

    def meter(data):
        if data == b"/?!\r\n":
            return [b"/LGZ5\\2ZMD\r\n"]
        return [Reply(b"\x06252\r\n", then_baud=9600)] if data == b"\x06252\r\n" else [b"at 9600"]

    hub = FakeHub("test", tmp_path)
    with SimulatedLine(Terminal("port", follow=True), InProcess(meter), baud=300) as line:
        hub.things["serial", "port"] = {"device": line.paths["port"], "baud": 300}
        async with asyncio.timeout(20), open_line(hub, "port") as serial:
            for request, answer in [(b"/?!\r\n", b"/LGZ5\\2ZMD\r\n"), (b"\x06252\r\n", b"\x06252\r\n")]:
                assert await exchange(serial, request, len(answer)) == answer
            await serial.set_mode(baud=9600)
            assert await exchange(serial, b"hello", 7) == b"at 9600"
            await serial.set_mode(baud=1200)
            assert len(await exchange(serial, b"wrong speed", 7)) == 7
        assert line.statistics.mismatched > 0


async def exchange(serial, request, size):
    await serial.drained()
    serial.discard_input()
    serial.write(request)
    answer = b""
    while len(answer) < size:
        answer += await serial.read()
    return answer


@pytest.mark.parametrize("follow", [True, False])
def test_a_terminal_s_speed_counts_only_where_it_is_followed(port, follow):
    with SimulatedLine(Terminal("a", follow=follow), Terminal("b"), baud=9600) as line:
        a, b = port(line.paths["a"]), port(line.paths["b"])
        attributes = termios.tcgetattr(a.descriptor)
        attributes[4] = attributes[5] = termios.B1200
        termios.tcsetattr(a.descriptor, termios.TCSANOW, attributes)
        a.write(b"U")
        assert (b.read(1) == b"U") is not follow
        (burst,) = line.bursts
        assert burst.end - burst.begin == pytest.approx(10 / (1200 if follow else 9600))


def test_links_lead_to_the_terminals_while_the_line_runs(tmp_path, port):
    link = tmp_path / "meter-bus"
    link.symlink_to("/dev/pts/a-line-that-was-killed")
    with SimulatedLine(Terminal("a", link), Terminal("b", echo=True)) as line:
        assert os.readlink(link) == line.paths["a"]
        b = port(line.paths["b"])
        b.write(b"x")
        assert b.read(1) == b"x"
        assert port(str(link)).read(1) == b"x"
    assert not link.is_symlink()


def test_a_file_in_the_place_of_a_link_is_left_alone_and_nothing_stays_open(tmp_path):
    (tmp_path / "file").write_text("mine")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileExistsError), SimulatedLine(Terminal("a"), Terminal("b", tmp_path / "file")):
        raise AssertionError
    assert (tmp_path / "file").read_text() == "mine"
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_line_leaves_neither_thread_nor_descriptor(port):
    threads, before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with SimulatedLine(Terminal("a"), InProcess(lambda data: [])):
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_station_that_fails_is_heard_of_at_the_end_of_the_block(port):
    def broken(data):
        raise LookupError("no such meter")

    def talk():
        with SimulatedLine(Terminal("a"), InProcess(broken)) as line:
            port(line.paths["a"]).write(b"ask")
            os.read(line.fileno(), 1)

    with pytest.raises(LookupError, match="no such meter"):
        talk()


def test_what_nobody_reads_is_lost_and_counted(port):
    with SimulatedLine(Terminal("a"), Terminal("deaf"), baud=4_000_000) as line:
        a = port(line.paths["a"])
        deadline = line.clock() + 20
        while not line.statistics.overruns and line.clock() < deadline:
            a.write(bytes(4096))
        assert line.statistics.overruns > 0


@pytest.mark.parametrize(
    ("parties", "settings", "sentence"),
    [
        ([Terminal("a")], {"baud": 0}, "the speed is 0 Bd; 50 to 4000000 would do"),
        ([Terminal("a")], {"bits": 8000}, "a character has 8000 bits"),
        ([], {}, "give one or more"),
        ([Terminal("a"), Terminal("a")], {}, r"are \['a', 'a'\]; give one or more, each with a name of its own"),
    ],
)
def test_a_line_that_cannot_be_is_refused_in_one_sentence(parties, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        SimulatedLine(*parties, **settings)
