"""Many batches become few writes and frames, and nobody waits for them without need."""

from __future__ import annotations

import asyncio
import os
import struct
import threading

from meterhub_iec104.medium import Medium
from meterhub_sdk import Reading

ROW = {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "always"}


async def test_what_comes_after_a_pause_goes_out_at_once_and_what_follows_goes_out_together_in_order(
    serve, monkeypatch
):
    monkeypatch.setattr("meterhub_iec104.service._GATHERING", 0.5)
    running = await serve([ROW])
    master = await running.master()
    await asyncio.sleep(0.6)  # a pause
    for number in (1.0, 2.0):  # the second tells that there are more to come
        running.hub.give("m/power", number)
        assert (await master.asdu()).values == {10: number}
    for number in range(3, 13):
        running.hub.give("m/power", float(number))
        await running.hub.settle(2)
    got = await master.asdu()
    assert [value for _, value in _values(got.objects)] == [float(number) for number in range(3, 13)]
    await master.silent()


async def test_a_large_batch_is_not_let_gather(serve, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.service._GATHERING", 3600.0)
    running = await serve([{**ROW, "point": f"m/{n}", "ioa": n} for n in range(1, 301)], k=100, w=60)
    master = await running.master()
    for number in (1.0, 2.0, 3.0):
        running.hub.give_all({f"m/{n}": Reading(number, running.hub.now()) for n in range(1, 301)})
        values: list[float] = []
        while len(values) < 300:
            values += [value for _, value in _values((await master.asdu()).objects)]
        assert values == [number] * 300


async def test_what_is_written_while_the_medium_is_busy_is_brought_there_too(tmp_path, monkeypatch):
    brought: list[str] = []
    busy, go_on = threading.Event(), threading.Event()
    path = tmp_path / "file"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)

    def fdatasync(_: int) -> None:
        brought.append(path.read_text())
        busy.set()
        assert go_on.wait(40)

    monkeypatch.setattr("os.fdatasync", fdatasync)
    failures: list[OSError] = []
    medium = Medium(failures.append)
    medium.use(file, tmp_path)
    for text in ("a", "b"):
        os.write(file, text.encode())
        medium.written()
    async with asyncio.timeout(40):
        while not busy.is_set():
            await asyncio.sleep(0.005)
        os.write(file, b"c")
        medium.written()
        go_on.set()
        while len(brought) < 2:
            await asyncio.sleep(0.005)
    assert brought == ["ab", "abc"]
    assert medium.new == 0
    medium.close()
    assert not failures


async def test_what_the_medium_refuses_is_told_and_full_files_are_closed(tmp_path, monkeypatch):
    first, second = (os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT) for name in "ab")
    failures: list[OSError] = []
    medium = Medium(failures.append)
    medium.use(first, tmp_path)
    medium.use(second, tmp_path)
    medium.written()
    async with asyncio.timeout(40):
        while medium.new:
            await asyncio.sleep(0.005)
        with monkeypatch.context() as patched:
            patched.setattr("os.fdatasync", _refused)
            medium.written()
            while not failures:
                await asyncio.sleep(0.005)
    assert failures[0].strerror == "Input/output error"
    medium.abandon()
    medium.close()
    for file in (first, second):
        assert not os.path.exists(f"/proc/self/fd/{file}")


def _refused(_: int) -> None:
    raise OSError(5, "Input/output error")


def _values(objects: list[tuple[int, bytes]]) -> list[tuple[int, float]]:
    return [(ioa, struct.unpack("<f", element[:4])[0]) for ioa, element in objects]
