"""What the frame recorder and the protocol conversion status show of a channel."""

from __future__ import annotations

import asyncio

PASSWORD = b"12345678"
LOGIN = b"\x01P1\x02(" + PASSWORD + b")\x03\x1a"


async def test_octets_are_shown_at_both_ends_without_passwords(rig, free_port, connect):
    far, port = rig.port("meter"), free_port()
    ends = [{"kind": "tcp-listen", "host": "127.0.0.1", "port": port}, {"kind": "serial", "port": "meter"}]
    async with rig.running({"label": "through", "endpoints": ends}):
        await rig.until(lambda: rig.end(1).state == "open")
        reader, writer = await connect(port)
        writer.write(LOGIN)
        assert await far.receive(len(LOGIN)) == LOGIN
        far.send(b"\x06")
        async with asyncio.timeout(10):
            assert await reader.readexactly(1) == b"\x06"
        rows = {channel.link: [frame[2:] for frame in channel.frames] for channel in rig.hub.recorder.channels}
        blanked = LOGIN.replace(PASSWORD, b"*" * len(PASSWORD))
        assert rows["tcp"] == [(False, True, blanked), (True, False, b"\x06")]
        assert rows["serial"] == [(True, True, blanked), (False, False, b"\x06")]
        conversion = rig.service.conversion()
        assert conversion.role == "forwarder"
        assert [peer.state for peer in conversion.peers] == ["listening", "open"]
        assert conversion.counters["bytes received"] == len(LOGIN) + 1
        writer.close()
        await rig.until(lambda: not rig.end(0).connected)
    assert all(channel.closed for channel in rig.hub.recorder.channels)
