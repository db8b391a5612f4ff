"""The messages on the socket between the core and a worker or the command line, and their encoding.

Each is a MessagePack array whose first element is the kind of message. This is the one place that knows the
encoding. Readings pass through the core as :class:`msgspec.Raw`: it looks inside only where it must.
"""

from __future__ import annotations

from typing import Any

import msgspec
from meterhub_sdk import Reading
from meterhub_sdk.errors import (
    ConfigError,
    Fault,
    Forbidden,
    Invalid,
    MeterhubError,
    NotDone,
    NotFound,
    NotLoggedIn,
    NotReady,
    Refused,
    SecondFactorNeeded,
)

from meterhub.frames import FrameError


class Publish(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """Worker to core: readings by point number, to be taken apart with :func:`checked_rows`."""

    history: bool
    batch: msgspec.Raw


class Updates(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """Core to worker: readings for one subscription; ``missed`` were dropped just before."""

    subscription: int
    sequence: int
    missed: int
    batch: list[tuple[int, msgspec.Raw]]


class Names(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """Core to worker: numbers of points that a subscription matches."""

    subscription: int
    names: list[tuple[int, str]]


class Acknowledge(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """Worker to core: everything of an ``every`` subscription up to ``sequence`` is done with."""

    subscription: int
    sequence: int


class Request(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Either way: do something and answer under this number."""

    number: int
    method: str
    body: msgspec.Raw


class Reply(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The answer; ``failure`` names the kind of error, whose sentence is then the body."""

    number: int
    failure: str | None
    body: msgspec.Raw


class Notice(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Either way: something that is not answered."""

    method: str
    body: msgspec.Raw


Message = Publish | Updates | Names | Acknowledge | Request | Reply | Notice

UNREADABLE = (msgspec.DecodeError, msgspec.ValidationError, RecursionError)
"""What decoding raises for octets that are no message."""

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder[Message](Message).decode

_rows = msgspec.msgpack.Decoder(list[tuple[int, msgspec.Raw]]).decode
_readings = msgspec.msgpack.Decoder(list[tuple[int, Reading]]).decode

_FAILURES: dict[str, type[MeterhubError]] = {
    "refused": Refused,
    "not-found": NotFound,
    "not-logged-in": NotLoggedIn,
    "second-factor-needed": SecondFactorNeeded,
    "forbidden": Forbidden,
    "not-done": NotDone,
    "not-ready": NotReady,
    "config": ConfigError,
}
_INVALID = "invalid"


def pack(value: Any) -> msgspec.Raw:
    """A body in its encoding."""
    return msgspec.Raw(encode(value))


def unpack(raw: msgspec.Raw | bytes, type: Any = Any) -> Any:
    """A body decoded (and, with a ``type``, checked); :class:`FrameError` when it does not fit."""
    try:
        return msgspec.msgpack.decode(raw, type=type)
    except UNREADABLE as error:
        raise FrameError(f"a message does not fit its kind: {error}") from error


def checked_rows(batch: msgspec.Raw) -> list[tuple[int, msgspec.Raw]]:
    """The rows of a :class:`Publish`, each still encoded but known to be a reading.

    Other workers decode them: one that is none would end their connections instead of its sender's.
    ``msgspec.ValidationError`` for a batch that holds anything else.
    """
    _readings(batch)
    return _rows(batch)


def failure(error: MeterhubError) -> tuple[str, Any]:
    """How a :class:`Reply` tells of an error: the nearest kind that the other side can raise again, and its body."""
    if isinstance(error, Invalid):
        return _INVALID, error.faults
    for kind in type(error).__mro__:
        for name, known in _FAILURES.items():
            if kind is known:
                return name, str(error)
    return "refused", str(error)


def raised(failure: str, body: msgspec.Raw) -> MeterhubError:
    """What the other side raised."""
    if failure == _INVALID:
        return Invalid(unpack(body, list[Fault]))
    return _FAILURES.get(failure, MeterhubError)(str(unpack(body)))
