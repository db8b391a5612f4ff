"""Read device identification: function code 43, kind 14 (MODBUS Application Protocol 1.1b3, 6.21)."""

from __future__ import annotations

from meterhub_modbus.faults import Fault, ModbusFault
from meterhub_modbus.settings import Identification

KIND = 14
_PDU_LIMIT = 253
_CONFORMITY = 0x82
"""Regular identification, as a stream and object by object."""
_LAST_OF = {1: 2, 2: 6, 3: 6}
"""The last object of the categories basic, regular and extended; of the extended there are none."""


class DeviceIdentification:
    """The objects 0 to 6 and the answers that carry them."""

    def __init__(self, texts: Identification, revision: str) -> None:
        ordered = (texts.vendor, texts.product_code, revision, "", texts.product, texts.model, texts.application)
        self._objects = {number: text.encode("ascii") for number, text in enumerate(ordered) if text}

    def answer(self, pdu: bytes) -> bytes:
        """The answer to a request; :class:`ModbusFault` when it asks for what is not there."""
        if len(pdu) < 2 or pdu[1] != KIND:
            raise ModbusFault(Fault.FUNCTION)
        if len(pdu) != 4 or pdu[2] not in (1, 2, 3, 4):
            raise ModbusFault(Fault.VALUE)
        category, first = pdu[2], pdu[3]
        if category == 4:
            if first not in self._objects:
                raise ModbusFault(Fault.ADDRESS)
            wanted = [first]
        else:
            # An unknown object starts from the beginning: the standard's rule for streams.
            start = first if first in self._objects and first <= _LAST_OF[category] else 0
            wanted = [number for number in self._objects if start <= number <= _LAST_OF[category]]
        return self._packed(category, wanted)

    def _packed(self, category: int, wanted: list[int]) -> bytes:
        room = _PDU_LIMIT - 7
        body, count, following = b"", 0, 0
        for number in wanted:
            text = self._objects[number]
            if len(body) + 2 + len(text) > room:
                following = number
                break
            body += bytes((number, len(text))) + text
            count += 1
        more = 0xFF if following else 0
        return bytes((43, KIND, category, _CONFORMITY, more, following, count)) + body
