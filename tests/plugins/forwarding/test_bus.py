"""The bus itself: order, completeness, pace."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_forwarding.bus import Bus, Port
from meterhub_forwarding.mode_e import Change, SignOnWatch


class Recording(Port):
    """Takes all, or ``room`` bytes until it is emptied."""

    def __init__(self, bus: Bus, room: int | None = None, group: object = None) -> None:
        super().__init__(bus, group)
        self.got = bytearray()
        self.waiting = bytearray()
        self.room = room
        self.held = False
        self.dropped = 0
        bus.attach(self)

    def send(self, data: bytes) -> None:
        if self.room is None:
            self.got += data
            return
        self.waiting += data
        if len(self.waiting) > self.room:
            self.bus.block(self)

    def empty(self) -> None:
        self.got += self.waiting
        self.waiting.clear()
        self.bus.unblock(self)

    def hold(self, held: bool) -> None:
        assert held != self.held, "told twice"
        self.held = held

    def pending(self) -> int:
        return len(self.waiting)

    def stalled(self) -> None:
        self.dropped += len(self.waiting)
        self.waiting.clear()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=50), st.booleans())))
def test_every_chunk_reaches_all_others_in_order_and_unchanged(steps: list[tuple[int, bytes, bool]]) -> None:
    async def run() -> None:
        bus = Bus()
        ports = [Recording(bus), Recording(bus), Recording(bus, room=60), Recording(bus, room=0)]
        expected = [bytearray() for _ in ports]
        for source, chunk, empty in steps:
            port = ports[source]
            if port.held:
                for full in ports:
                    full.empty()
            assert not port.held
            bus.received(port, chunk)
            for index in {0, 1, 2, 3} - {source}:
                expected[index].extend(chunk)
            if empty:
                ports[2].empty()
        for port in ports:
            port.empty()
        assert [bytes(port.waiting + port.got) for port in ports] == [bytes(wanted) for wanted in expected]
        assert not any(port.held for port in ports)

    asyncio.run(run())


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=3000)), max_size=20))
def test_a_packet_gap_changes_neither_order_nor_bytes(steps: list[tuple[bool, bytes]]) -> None:
    async def run() -> None:
        bus = Bus(gap=0.001)
        ends = Recording(bus), Recording(bus)
        for first, chunk in steps:
            bus.received(ends[0] if first else ends[1], chunk)
        for end in ends:
            bus.detach(end)
            if end is ends[0]:
                assert ends[1].got == b"".join(chunk for first, chunk in steps if first)

    asyncio.run(run())


async def test_a_full_port_holds_those_that_feed_it_and_not_itself() -> None:
    bus = Bus()
    full, other, third = Recording(bus, room=0), Recording(bus), Recording(bus)
    bus.received(other, b"x")
    assert (full.held, other.held, third.held) == (False, True, True)
    late = Recording(bus)
    assert late.held
    bus.detach(full)
    assert [other.held, third.held, late.held] == [False] * 3


async def test_a_slow_port_keeps_the_bus_and_a_stalled_one_loses_it() -> None:
    bus = Bus(stall=0.05)
    slow, source = Recording(bus, room=0), Recording(bus)
    bus.received(source, bytes(100))
    for _ in range(20):
        await asyncio.sleep(0.01)
        del slow.waiting[:2]
    assert source.held
    assert slow.dropped == 0
    await asyncio.sleep(0.15)
    assert not source.held
    assert slow.dropped == 60


async def test_what_nobody_hears_is_counted() -> None:
    bus = Bus()
    group = object()
    first = Recording(bus, group=group)
    Recording(bus, group=group)
    bus.received(first, b"alone")
    assert bus.undelivered == 5


def test_the_option_select_message_is_found_however_it_is_cut_and_with_parity() -> None:
    watch = SignOnWatch()
    assert watch.begins(b"/?12345678!\r\n")
    assert watch.begins(b"\xaf\x3f!\r\n")
    assert [watch.after(piece) for piece in (b"\x06", b"05", b"0\r", b"\n")] == [None, None, None, Change(9600)]
    with_parity = bytes(byte | (byte.bit_count() % 2) << 7 for byte in b"\x06262\r\n")
    assert watch.after(with_parity) == Change(19200, 8)
    assert watch.after(b"\x06292\r\n") is None
    assert watch.after(b"\x7e\xa0\x06252\r\n\x7e") is None
