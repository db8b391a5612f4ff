"""Workers that keep frames, without processes."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from meterhub_sdk import NotDone
from meterhub_sdk.frames import Recorder

from meterhub.watching.frame_query import FrameQuery, select


class FakeSession:
    """A worker with a recorder of its own, asked over an encoding as over the wire."""

    def __init__(self, name: str) -> None:
        self.spec = types.SimpleNamespace(name=name)
        self.live = True
        self.recorder = Recorder()
        self.connection = self
        self.fails = False

    async def request(self, method: str, body: Any, timeout: float, kind: Any) -> Any:
        if self.fails:
            raise NotDone("it hangs")
        query = msgspec.convert(msgspec.msgpack.decode(msgspec.msgpack.encode(body)), FrameQuery)
        return msgspec.msgpack.decode(msgspec.msgpack.encode(select(self.recorder, query)), type=kind)


@pytest.fixture(scope="session")
def fake_worker() -> Callable[[str], FakeSession]:
    """Makes a worker of this name."""
    return FakeSession
