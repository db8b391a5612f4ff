"""Starting worker processes that cannot begin, and what they say on standard error."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import psutil
import pytest

from meterhub import process
from meterhub.process import _LogLines

pytestmark = pytest.mark.usefixtures("impatient")


def children() -> list[psutil.Process]:
    return [c for c in psutil.Process().children() if "meterhub.worker" in c.cmdline()]


@pytest.fixture
def changed(house):
    """A house whose bench plugin has this source instead, signed."""

    def make(source: str, *, sign: bool = True):
        made = house(own=True)
        made.configure(source={}, follower={})
        (made.checkout() / "__init__.py").write_text(source)
        if sign:
            made.sign()
        return made

    return make


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ZeroDivisionError('at import')", "acme-bench cannot be imported: ZeroDivisionError: at import"),
        ("def x(:", "acme-bench cannot be imported: SyntaxError"),
        ("import os\nos._exit(9)", "acme-bench.check ended before it was ready: exit status 9"),
        ("import os, sys\nsys.stderr.write('so long')\nsys.stderr.flush()\nos._exit(1)", "ready: so long"),
        ("import meterhub_sdk.nothing", "No module named 'meterhub_sdk.nothing'"),
        ("import acme_follower", "No module named 'acme_follower'"),
        ("", None),
    ],
)
async def test_a_plugin_that_cannot_be_imported_keeps_nobody_else_from_running(changed, hand_of, source, said) -> None:
    made = changed(source)
    hand = hand_of(await made.start())
    try:
        await hand.until_running("follower")
        if said is not None:
            assert said in hand.instance.catalogue.installed["acme-bench"].problem
        rows = {row["name"]: row for row in (await hand.get("/status/services"))["services"]}
        assert rows["source"]["state"] == "off"
    finally:
        await made.close()
    assert children() == []


async def test_a_plugin_that_hangs_at_import_is_given_up(changed, hand_of, monkeypatch) -> None:
    monkeypatch.setattr(process, "READY_WITHIN", 1.5)
    monkeypatch.setattr(process, "STOP_WITHIN", 0.1)
    made = changed("import time\ntime.sleep(3600)")
    hand = hand_of(await made.start())
    try:
        await hand.until_running("follower")
        assert "was not ready within 1.5 s" in hand.instance.catalogue.installed["acme-bench"].problem
    finally:
        await made.close()
    assert children() == []


async def test_a_plugin_that_is_changed_while_it_runs_does_not_start_again(house, hand_of) -> None:
    made = house(own=True)
    made.configure(source={}, follower={})
    hand = hand_of(await made.start())
    try:
        await hand.until_running("source", "follower")
        (made.checkout() / "source.py").write_text("# planted\n")
        psutil.Process(hand.pid("acme-bench")).kill()
        (refused,) = await hand.until_event("plugin-refused")
        assert "source.py was changed" in refused.text
        async with asyncio.timeout(10):
            while "acme-bench" in hand.instance.workers.running:
                await asyncio.sleep(0.01)
        assert hand.instance.services.states["follower"].state == "running"
        assert "source" in hand.instance.operation.idle
    finally:
        await made.close()


async def test_a_start_that_is_called_off_leaves_no_process(bench, hand_of) -> None:
    bench.configure(source={}, follower={})
    hand = hand_of(await bench.start())
    for _ in range(3):
        for worker in list(hand.instance.workers.running.values()):
            await worker.stop()
        assert children() == []
        hand.instance.workers.running.clear()
        await hand.instance.plugins_changed()
    await hand.until_running("source", "follower")


async def test_plugins_share_a_worker_where_the_placement_says_so(bench, hand_of) -> None:
    hand = hand_of(await bench.start())
    await hand.apply(source={}, follower={}, workers={"placement": [["acme-bench", "acme-follower"]]})
    await hand.until_running("source", "follower")
    assert list(hand.instance.workers.running) == ["acme-bench"]
    assert hand.instance.workers.running["acme-bench"].spec.distributions == ("acme-bench", "acme-follower")
    await hand.apply(source={}, follower={})
    await hand.until_running("source", "follower")
    assert sorted(hand.instance.workers.running) == ["acme-bench", "acme-follower"]


# -- standard error ---------------------------------------------------------------------------


@pytest.fixture
def lines(tmp_path):
    worker = SimpleNamespace(last_words=process.deque(maxlen=40), fell_silent=asyncio.Event())
    log = tmp_path / "logs" / "worker.log"
    return SimpleNamespace(worker=worker, log=log, protocol=_LogLines(worker, log))


async def test_lines_are_put_together_and_kept(lines) -> None:
    for piece in (b"one\ntw", b"o\n\nthr", b"ee"):
        lines.protocol.data_received(piece)
    assert list(lines.worker.last_words) == ["one", "two"]
    lines.protocol.connection_lost(None)
    assert lines.worker.fell_silent.is_set()
    assert list(lines.worker.last_words) == ["one", "two", "three"]
    assert lines.log.read_text() == "one\ntwo\n\nthree\n"


async def test_a_line_without_an_end_is_cut(lines) -> None:
    for _ in range(100):
        lines.protocol.data_received(b"\xff" * 1000)
    assert max(len(line) for line in lines.worker.last_words) <= 2000
    assert len(lines.protocol._rest) <= 3000


async def test_a_flood_of_lines_does_not_fill_the_disk(lines) -> None:
    for _ in range(50):
        lines.protocol.data_received(b"x" * 100 + b"\n" * 1000)
    assert lines.log.stat().st_size < 60_000


async def test_the_log_keeps_one_old_copy(lines, monkeypatch) -> None:
    monkeypatch.setattr(process, "_LOG_SIZE", 100)
    for number in range(30):
        lines.protocol.data_received(b"%d" % number * 30 + b"\n")
    names = sorted(path.name for path in lines.log.parent.iterdir())
    assert names == ["worker.log", "worker.old.log"]
    assert lines.log.stat().st_size < 200


async def test_a_log_that_cannot_be_written_does_not_stop_the_reading(lines) -> None:
    lines.log.parent.write_text("a file where the directory should be")
    lines.protocol.data_received(b"one\n")
    assert list(lines.worker.last_words) == ["one"]
