"""Whose readout it is: late answers on a shared line must never become another meter's values."""

from __future__ import annotations

from meterhub_dlms.readout import addresses
from meterhub_dlms.readout.exchange import Readout

_TELLING = tuple(map(addresses.parse, ("0.0.0", "0.0.1", "0.0.2", "C.1.0", "C.1.1", "96.1.0", "96.1.1")))
"""Where meters tell their serial or identification numbers."""

Identity = tuple[str, ...]


class OtherMeter(Exception):
    """A readout that belongs to another meter than was asked; the text says how that is known."""


def numbers(readout: Readout) -> Identity:
    """The identification numbers that a readout tells."""
    fitting = [told for where, told in readout.values if where is not None and any(map(where.fits, _TELLING))]
    return tuple(told.value.strip() for told in fitting if told.value.strip("0 "))


class Identities:
    """The identification numbers of the meters on one line, as the last readout of each told them."""

    def __init__(self) -> None:
        self._numbers: dict[str, Identity] = {}

    def check(self, label: str, serial_number: str, readout: Readout) -> None:
        """:class:`OtherMeter` when the readout does not tell the serial number, or tells those of another meter."""
        told = numbers(readout)
        wanted = serial_number.strip().lstrip("0")
        if wanted and wanted not in (number.lstrip("0") for number in told):
            raise OtherMeter(f"it tells the numbers {', '.join(told) or 'of nothing'}, not {serial_number}")
        if not told:
            return
        known = (readout.device, *told)
        owner = next((other for other, numbers in self._numbers.items() if numbers == known and other != label), None)
        if owner is not None:
            raise OtherMeter(f"it tells the same numbers {', '.join(told)} as the meter {owner} does")
        self._numbers[label] = known

    def forget(self, label: str) -> None:
        """A meter was lost: what it told may have been another one's already."""
        self._numbers.pop(label, None)
