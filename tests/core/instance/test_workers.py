"""Workers that die, hang, leak, flood or lie: replaced, told, and nobody else noticed."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest
from meterhub_sdk import NotDone, Quality

from meterhub import workers

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
async def running(bench, hand_of):
    """A source and, in another worker, a follower."""
    bench.configure(source={"points": ["energy", "power"], "value": 5.0}, follower={})
    hand = hand_of(await bench.start())
    await hand.until_running("source", "follower")
    async with asyncio.timeout(10):
        while hand.reading("source/energy").value != 5.0:
            await asyncio.sleep(0.01)
    return hand


async def test_kill_9_of_a_worker_is_healed_and_nobody_else_noticed(running, until) -> None:
    other, first = running.pid("acme-follower"), running.pid("acme-bench")
    time = running.reading("source/energy").time
    os.kill(first, signal.SIGKILL)
    await until(lambda: running.reading("source/energy").quality == Quality.STALE)
    assert running.reading("source/energy").time == time
    assert running.reading("source/energy").value == 5.0
    await until(lambda: running.reading("source/energy").quality == Quality.GOOD)
    assert running.reading("source/energy").time > time
    assert running.pid("acme-bench") != first
    assert running.pid("acme-follower") == other
    (lost,) = await running.until_event("worker-lost")
    assert "Worker acme-bench (version 1.0.0) was lost: it was killed by signal 9" in lost.text
    assert lost.log == "fatal-errors"
    status = (await running.get("/status/workers"))["workers"]
    assert [(w["name"], w["restarts"]) for w in sorted(status, key=lambda w: w["name"])] == [
        ("acme-bench", 1),
        ("acme-follower", 0),
    ]


async def test_what_a_queue_held_survives_the_death_of_its_follower(running, until) -> None:
    await running.post("source/publish", value=1)
    await until(lambda: 1.0 in (running.instance.services.states["follower"].status or {}).get("values", []))
    os.kill(running.pid("acme-follower"), signal.SIGKILL)
    await until(lambda: running.instance.workers.running["acme-follower"].process is None)
    for value in (2, 3, 4):
        await running.post("source/publish", value=value)
    (queue,) = running.instance.hub.queues.values()
    assert len(queue.items) >= 6
    await running.until_running("follower")

    def seen():
        status = running.instance.services.states["follower"].status
        return status and status["values"][-6:] == [2, 2, 3, 3, 4, 4] and status["missed"] == 0

    await until(seen)


async def test_a_worker_that_hangs_is_replaced(running, until) -> None:
    first = running.pid("acme-bench")
    os.kill(first, signal.SIGSTOP)
    (lost,) = await running.until_event("worker-lost")
    assert "it did not answer for 1.5 s and was replaced" in lost.text
    worker = running.instance.workers.running["acme-bench"]
    await until(lambda: worker.process is not None and worker.process.pid != first)
    await running.until_running("source")
    assert not psutil.pid_exists(first)


async def test_a_blocked_event_loop_is_a_hang_and_the_command_gets_its_answer(running) -> None:
    with pytest.raises(NotDone):
        await running.post("source/hang")
    await running.until_event("worker-lost")
    await running.until_running("source")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("garbage", "acme-bench sent what is no message"),
        ("flood", "acme-bench asked for 1000 things at once"),
        ("die", "it was killed by signal 11. Its last words: the last words"),
    ],
)
async def test_a_worker_that_misbehaves_is_cut_off_and_the_event_log_says_why(running, command, said) -> None:
    other = running.pid("acme-follower")
    arguments = {"text": "the last words"} if command == "die" else {}
    try:
        await running.post(f"source/{command}", **arguments)
    except NotDone:
        pass
    (lost,) = await running.until_event("worker-lost")
    assert said in lost.text
    await running.until_running("source")
    assert running.pid("acme-follower") == other


async def test_a_worker_does_not_get_more_memory_than_was_granted(running) -> None:
    """It gets a MemoryError, which only its own command sees; it keeps running, or it is replaced."""
    with pytest.raises(Exception, match=r"MemoryError|whether it did"):
        await running.post("source/leak")
    await running.until_running("source")
    worker = running.instance.workers.running["acme-bench"]
    assert any("memory: at most 192 MiB" in line for line in worker.status.enforced)
    assert psutil.Process(running.pid("acme-bench")).memory_info().rss < 250 << 20


async def test_a_worker_that_uses_more_processor_time_than_was_granted_is_replaced(house, hand_of, monkeypatch) -> None:
    monkeypatch.setattr(workers, "_CPU_WINDOW", 0.5)
    made = house(own=True)
    toml = made.checkout() / "plugin.toml"
    toml.write_text(toml.read_text() + "cpu = 0.1\n")
    made.sign()
    made.configure(source={})
    hand = hand_of(await made.start())
    try:
        await hand.until_running("source")
        await hand.post("source/burn")
        (lost,) = await hand.until_event("worker-lost")
        assert "of a core for a minute (limit 10%) and was replaced" in lost.text
        await hand.until_running("source")
    finally:
        await made.close()


async def test_a_worker_that_dies_again_and_again_is_started_less_and_less_often(hand, monkeypatch, until) -> None:
    pauses = []
    real = asyncio.sleep

    async def sleep(seconds, result=None):
        if asyncio.current_task().get_name() == "worker acme-bench":
            pauses.append(seconds)
            seconds = 0
        return await real(seconds, result)

    monkeypatch.setattr(workers.asyncio, "sleep", sleep)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 3.0)
    await hand.apply(source={"behaviour": "crash"})
    await until(lambda: len(pauses) >= 5)
    assert pauses[:5] == [0.05, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.slow
async def test_an_instance_stops_in_order_within_five_seconds(running, bench) -> None:
    pids = [running.pid("acme-bench"), running.pid("acme-follower")]
    os.kill(pids[0], signal.SIGSTOP)  # one of them will not listen
    async with asyncio.timeout(5):
        await bench.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not (bench.home / "starts.json").exists()


async def test_a_worker_that_will_not_stop_does_not_hold_up_a_change(running) -> None:
    os.kill(running.pid("acme-bench"), signal.SIGSTOP)
    async with asyncio.timeout(12):
        applied = await running.apply(follower={})
    assert applied["applied"], applied
    assert list(running.instance.workers.running) == ["acme-follower"]
    assert running.instance.hub.points["source/energy"].point is None


async def test_standard_error_is_kept_in_a_file_of_bounded_size(running) -> None:
    try:
        await running.post("source/die", text="x" * 100_000)
    except NotDone:
        pass
    await running.until_event("worker-lost")
    log = running.instance.home / "logs" / "acme-bench.log"
    assert log.stat().st_size < 10_000
    assert log.read_text().endswith("x\n")
    assert log.stat().st_mode & 0o777 == 0o600
