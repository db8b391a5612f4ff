"""A master without a line: it hands its frames to a simulated bus and takes what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from meterhub_dlms.codec import acse, ln, obis, xdlms
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.selection import Selection, encode_selected_get
from meterhub_dlms.codec.xdlms import Conformance, Initiate
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress
from meterhub_dlms.link.hdlc_primary import HdlcPrimary
from meterhub_dlms.simulator import MeterBus

FEATURES = Conformance.GET | Conformance.SELECTIVE_ACCESS | Conformance.BLOCK_TRANSFER_WITH_GET


class Master:
    """The public client at one meter; reads attributes by their logical names."""

    def __init__(self, bus: MeterBus, physical: int | None) -> None:
        self.bus = bus
        self.primary = HdlcPrimary(HdlcAddress.client(16), HdlcAddress.server(1, physical))
        self._deframer = HdlcDeframer()

    def open(self) -> Master:
        self.exchange(self.primary.connect())
        proposal = xdlms.encode_initiate_request(Initiate(FEATURES, 0xFFFF))
        asked = acse.AssociationRequest(acse.CONTEXT_LN, acse.Mechanism.NONE, None, proposal)
        answer = acse.decode_response(self.ask(acse.encode_request(asked)))
        assert answer.result == acse.Result.ACCEPTED, answer.phrase
        return self

    def ask(self, apdu: bytes) -> bytes:
        return self.exchange(self.primary.send(apdu))

    def exchange(self, frame: bytes) -> bytes:
        while True:
            (answer,) = self._deframer.feed(b"".join(self.bus(frame)))
            step = self.primary.feed(answer)
            if step.done:
                return step.apdu or b""
            frame = step.transmit

    def read(self, name: str, attribute: int = 2, class_id: int = 3, selection: Selection | None = None) -> Any:
        """What an attribute holds, or why it cannot be had."""
        wanted = Attribute(class_id, obis.parse(name), attribute)
        asked = ln.encode_get(wanted, 1) if selection is None else encode_selected_get(wanted, selection, 1)
        answer = ln.decode_get_response(self.ask(asked))
        return answer.value if isinstance(answer, Data) else answer


@pytest.fixture(scope="session")
def master() -> Callable[..., Master]:
    """``master(bus, address)`` has an association; without an address it says none."""
    return lambda bus, physical=None: Master(bus, physical).open()
