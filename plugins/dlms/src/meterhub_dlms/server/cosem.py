"""COSEM objects as the services of a server see them: attributes that are read and set, methods that are called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from meterhub_dlms.codec.axdr import OCTET_STRING, Data, encode
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import Selection
from meterhub_dlms.codec.xdlms import AccessResult

Answer = bytes | AccessResult
"""What reading brings: the encoded value, or why there is none."""


class Caller(NamedTuple):
    """Who sets an attribute or calls a method."""

    client: int
    """The client's address."""
    reason: str
    """For the hub and the event log, such as ``DLMS client 16 at 192.0.2.7``."""


class CosemAttribute(NamedTuple):
    """One attribute; what it cannot do is ``None``. An attribute without ``read`` can only be set.

    ``select`` reads with selective access, or all without; it takes the place of ``read`` for long buffers and may
    take its time. ``set`` answers when it is done, with ``success`` or why not.
    """

    read: Callable[[], Answer] | None = None
    select: Callable[[Selection | None], Awaitable[Answer]] | None = None
    set: Callable[[Data, Caller], Awaitable[AccessResult]] | None = None


Method = Callable[[Data, Caller], Awaitable[ActionOutcome]]
"""Calls a method with its parameter; the outcome carries what the method returns, if anything."""


class CosemObject:
    """One object of a logical device: class, version, logical name, attributes and methods by their numbers.

    Attribute 1, the logical name, is there by itself.
    """

    def __init__(
        self,
        class_id: int,
        version: int,
        logical_name: bytes,
        attributes: Mapping[int, CosemAttribute],
        methods: Mapping[int, Method] | None = None,
    ) -> None:
        self.class_id = class_id
        self.version = version
        self.logical_name = logical_name
        name = fixed(Data(OCTET_STRING, logical_name))
        self.attributes: Mapping[int, CosemAttribute] = {1: name, **attributes}
        self.methods: Mapping[int, Method] = methods or {}


def fixed(data: Data) -> CosemAttribute:
    """An attribute that never changes, encoded once."""
    encoded = encode(data)
    return CosemAttribute(read=lambda: encoded)


def computed(tell: Callable[[], Data | AccessResult]) -> CosemAttribute:
    """An attribute that is asked for anew each time it is read."""

    def read() -> Answer:
        told = tell()
        return encode(told) if isinstance(told, Data) else told

    return CosemAttribute(read=read)


def outcome(result: AccessResult) -> ActionOutcome:
    """The outcome of a method that did what a SET could have done too; nothing is returned."""
    return ActionOutcome(ActionResult.of(result))
