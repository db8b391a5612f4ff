"""A minute of the demo, with clients that come and go: every process stays what it was."""

from __future__ import annotations

import asyncio

import psutil
import pytest

WARM_UP, WATCHED = 10, 45
"""Seconds."""
MEMORY = 4 << 20
"""Bytes that a process may grow by within the time: allocators settle, leaks do not."""
SLACK = 5
"""Descriptors and threads that come with use and stay, such as the threads that read files; a leak makes many more."""


async def visit(ports: list[int]) -> None:
    """Connect to each port, say something, and go."""
    for port in ports:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(bytes.fromhex("680407000000"))
        await asyncio.sleep(0.02)
        writer.transport.abort()


def measured(processes: list[psutil.Process]) -> dict[int, tuple[str, int, int, int]]:
    """Name, descriptors, threads and resident memory of each process."""
    found = {}
    for process in processes:
        with process.oneshot():
            name = " ".join(process.cmdline()[-2:])
            found[process.pid] = (name, process.num_fds(), process.num_threads(), process.memory_info().rss)
    return found


@pytest.mark.slow
async def test_descriptors_threads_and_memory_of_every_process_stay_flat(demo):
    ports = [endpoint["port"] for found in demo.endpoints.values() for endpoint in found.values()]

    async def use(seconds: int) -> None:
        for _ in range(seconds):
            await visit(ports)
            await demo.gateway.get("/status/services")
            await asyncio.sleep(0.9)
        await asyncio.sleep(1)

    await use(WARM_UP)
    processes = demo.processes()
    before = measured(processes)
    await use(WATCHED)
    after = measured(processes)
    assert {process.pid for process in demo.processes()} == set(before)
    for pid, numbers in before.items():
        print(pid, *numbers, "became", *after[pid][1:])
    for pid, (name, descriptors, threads, memory) in before.items():
        _, later_descriptors, later_threads, later_memory = after[pid]
        assert later_descriptors <= descriptors + SLACK, name
        assert later_threads <= threads + SLACK, name
        assert later_memory <= memory + MEMORY, name
