"""What can go wrong between a request and its answer."""

from __future__ import annotations

_PHRASES = {
    1: "illegal function: the device does not know this kind of request",
    2: "illegal data address: the device has nothing there",
    3: "illegal data value: the device does not allow this count or value",
    4: "device failure: the device could not do it",
    5: "acknowledge: the device needs longer for it",
    6: "device busy",
    7: "negative acknowledge: the device cannot do it",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "the device behind the gateway did not answer",
}


class ExchangeError(Exception):
    """A request that brought no usable answer."""


class LinkLost(ExchangeError):
    """The connection or port is gone."""


class NoAnswer(ExchangeError):
    """Nothing usable came within the time-out; the answer may still come."""


class BadAnswer(ExchangeError):
    """The answer does not fit the request: function code, length, echo or checksum."""


class DeviceException(ExchangeError):
    """The device answered with an exception (MODBUS Application Protocol 1.1b3, chapter 7)."""

    def __init__(self, code: int) -> None:
        super().__init__(_said(code))
        self.code = code

    @property
    def unreadable(self) -> bool:
        """The device does not have what was asked for, and asking again will not change that."""
        return self.code in (2, 3)

    @property
    def passing(self) -> bool:
        """The device is busy: asking again will help, and what was read before still holds until it is stale."""
        return self.code in (5, 6)

    @property
    def absent(self) -> bool:
        """A gateway answered in place of the device."""
        return self.code in (10, 11)


def _said(code: int) -> str:
    return f"exception {code} ({_meaning(code)})"


def _meaning(code: int) -> str:
    return _PHRASES.get(code, "not in the standard")
