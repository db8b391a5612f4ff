"""The first frame a worker gets: which distributions it runs, whom it trusts, what it may touch."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from meterhub.frames import FRAME_LIMIT, FrameError, header
from meterhub.messages import Notice, pack, unpack


class LaunchDistribution(msgspec.Struct, frozen=True, kw_only=True):
    """One distribution as the core found it; ``local`` is this machine's signature of a checkout."""

    candidate: dict[str, Any]
    local: str | None = None


class LaunchSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker may touch beside Python itself; see :class:`meterhub.sandbox.Profile`."""

    core: int
    home: str
    write: list[str]
    read: list[str] = []
    network: bool = False
    serial: list[str] = []
    processes: bool = False
    memory: int | None = None


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker must know before it imports anything."""

    name: str
    distributions: list[LaunchDistribution]
    trust: dict[str, Any]
    sandbox: LaunchSandbox


def send_launch(sock: socket.socket, launch: Launch) -> None:
    """Write the launch frame; the socket is fresh, so it takes it whole."""
    _send(sock, msgspec.msgpack.encode(launch))


def receive_launch(sock: socket.socket) -> Launch:
    """Wait for the launch frame, before any event loop runs."""
    length = int.from_bytes(_exactly(sock, 4), "big")
    if length > FRAME_LIMIT:
        raise FrameError(f"a launch frame of {length} bytes; at most {FRAME_LIMIT} will do")
    launch: Launch = unpack(_exactly(sock, length), Launch)
    return launch


def send_failure(sock: socket.socket, kind: str, label: str, sentence: str) -> None:
    """Say why the worker cannot even begin."""
    body = {"kind": kind, "label": label, "sentence": sentence}
    _send(sock, msgspec.msgpack.encode(Notice("broken", pack(body))))


def _send(sock: socket.socket, body: bytes) -> None:
    sock.sendall(header(len(body)) + body)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise FrameError("the core closed the socket before the launch was complete")
        data += piece
    return data
