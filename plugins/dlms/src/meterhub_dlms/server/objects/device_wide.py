"""What a meter says about itself as a whole: its logical devices, its HDLC link, its security (classes 17, 23, 64)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.security import Security
from meterhub_dlms.server.cosem import Caller, CosemObject, Method, computed, fixed, outcome
from meterhub_dlms.server.object_settings import HDLC_NAME, SAP_NAME, SECURITY_NAME

_SPEEDS = (300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
_SUITE = 0
_POLICIES: dict[Security, int] = {"none": 0, "authenticated": 1, "encrypted": 2, "authenticated and encrypted": 3}


def sap_assignment(devices: Iterable[tuple[int, str]]) -> CosemObject:
    """Which logical devices there are, by address and name."""
    rows = [
        Data(axdr.STRUCTURE, [Data(axdr.UINT16, address), Data(axdr.OCTET_STRING, name.encode())])
        for address, name in devices
    ]
    return CosemObject(17, 0, SAP_NAME, {2: fixed(Data(axdr.ARRAY, rows))})


class HdlcLink(NamedTuple):
    """What the HDLC link of a meter is set to."""

    parameters: HdlcParameters
    device_address: int
    """The lower (physical) address."""
    inter_octet: int = 25
    """Milliseconds of silence that end a frame."""
    inactivity: int = 120
    """Seconds of silence that end a link."""


def hdlc_setup(link: HdlcLink, speed: Callable[[], int | None]) -> CosemObject:
    """The IEC HDLC setup; what it tells is changed in the settings, not here.

    ``speed`` gives that of the line in baud, ``None`` while there is no line, as with TCP. A rate that the standard
    has no number for is shown as the nearest below.
    """

    def comm_speed() -> Data | AccessResult:
        baud = speed()
        if baud is None:
            return AccessResult.TEMPORARY_FAILURE
        return Data(axdr.ENUM, sum(1 for known in _SPEEDS[1:] if known <= baud))

    numbers = (
        (axdr.UINT8, link.parameters.window_transmit),
        (axdr.UINT8, link.parameters.window_receive),
        (axdr.UINT16, link.parameters.max_transmit),
        (axdr.UINT16, link.parameters.max_receive),
        (axdr.UINT16, link.inter_octet),
        (axdr.UINT16, link.inactivity),
        (axdr.UINT16, link.device_address),
    )
    attributes = {number: fixed(Data(tag, value)) for number, (tag, value) in enumerate(numbers, 3)}
    attributes[2] = computed(comm_speed)
    return CosemObject(23, 1, HDLC_NAME, attributes)


def security_setup(least: Security, server_title: bytes, client_title: bytes) -> CosemObject:
    """The security setup, version 0, as the client of one association finds it: ``least`` is its protection.

    The policy and the keys stand in the settings and in the secrets that these name. To activate what already holds
    succeeds; a change of the policy and the transfer of keys are denied: a key that were taken here would not be the
    one that the settings name, and the administrator would not know.
    """
    policy = _POLICIES[least]

    async def activate(data: Data, caller: Caller) -> ActionOutcome:
        if data.tag != axdr.ENUM:
            return outcome(AccessResult.TYPE_UNMATCHED)
        return outcome(AccessResult.SUCCESS if data.value == policy else AccessResult.READ_WRITE_DENIED)

    async def transfer(data: Data, caller: Caller) -> ActionOutcome:
        return outcome(AccessResult.READ_WRITE_DENIED)

    attributes = {
        2: fixed(Data(axdr.ENUM, policy)),
        3: fixed(Data(axdr.ENUM, _SUITE)),
        4: fixed(Data(axdr.OCTET_STRING, client_title)),
        5: fixed(Data(axdr.OCTET_STRING, server_title)),
    }
    methods: dict[int, Method] = {1: activate, 2: transfer}
    return CosemObject(64, 0, SECURITY_NAME, attributes, methods)
