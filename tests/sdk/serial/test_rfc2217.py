"""RFC 2217 against pyserial's server side, with a pseudo-terminal behind it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import serial
import serial.rfc2217
from meterhub_sdk import NotReady
from meterhub_sdk.serial import open_line
from meterhub_sdk.testing import FakeHub

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


class Port(serial.Serial):
    """A pseudo-terminal has no modem lines to be asked for or set."""

    cts = dsr = ri = cd = False

    def _nothing(self) -> None:
        pass

    _update_dtr_state = _update_rts_state = _nothing


class Redirector:
    """One port offered on a TCP port, as pyserial's example does it."""

    def __init__(self, device: str) -> None:
        self.port = Port(device, timeout=0.05)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"rfc2217://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connection: socket.socket | None = None
        self.threads = [threading.Thread(target=self._serve)]
        self.threads[0].start()

    def write(self, data: bytes) -> None:
        assert self.connection is not None
        self.connection.sendall(data)

    def _serve(self) -> None:
        with suppress(OSError):
            self.connection, _ = self.listener.accept()
            manager = serial.rfc2217.PortManager(self.port, self)
            self.threads.append(threading.Thread(target=self._outward, args=(manager,)))
            self.threads[-1].start()
            while data := self.connection.recv(1024):
                self.port.write(b"".join(manager.filter(data)))

    def _outward(self, manager: Any) -> None:
        with suppress(OSError, TypeError):
            while self.port.is_open:
                if data := self.port.read(self.port.in_waiting or 1):
                    self.write(b"".join(manager.escape(data)))

    def stop(self) -> None:
        for end in (self.connection, self.listener):
            if end is not None:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self.threads[0].join()
        self.port.close()
        for thread in self.threads[1:]:
            thread.join()


@pytest.fixture
def redirector(pty: Any) -> Iterator[Redirector]:
    made = Redirector(pty.device)
    yield made
    made.stop()


async def test_a_port_by_rfc2217_carries_bytes_and_changes_its_speed(
    redirector: Redirector, fake_hub: FakeHub, pty: Any
) -> None:
    fake_hub.things["serial", "bus"] = {"device": redirector.address, "baud": 4800}
    async with open_line(fake_hub, "bus") as line, asyncio.timeout(10):
        assert redirector.port.baudrate == 4800
        line.write(bytes(range(256)))
        came = b""
        while len(came) < 256:
            came += pty.receive()
            await asyncio.sleep(0.01)
        assert came == bytes(range(256))
        pty.send(b"\xff\x00answer")
        assert (await line.read()).startswith(b"\xff")
        await line.set_mode(baud=9600)
        assert redirector.port.baudrate == 9600


async def test_a_far_side_that_goes_away_is_not_ready(redirector: Redirector, fake_hub: FakeHub) -> None:
    fake_hub.things["serial", "bus"] = {"device": redirector.address}
    async with open_line(fake_hub, "bus") as line, asyncio.timeout(10):
        assert redirector.connection is not None
        redirector.connection.shutdown(socket.SHUT_RDWR)
        with pytest.raises(NotReady):
            await line.read()
