"""The meters of the DLMS benchmarks: simulated ones with registers of four bytes, no two of them alike."""

from __future__ import annotations

from typing import Any

FIRST_PHYSICAL = 17
PER_METER, PER_REGISTER = 1_000_000, 1_000


def physical(meter: int) -> int:
    """The HDLC address of a meter."""
    return FIRST_PHYSICAL + meter


def logical_name(register: int) -> str:
    """The OBIS code of a register."""
    return f"1-0:{1 + register}.8.0*255"


def value(meter: int, register: int) -> float:
    """What a register of a meter holds, in watt-hours; no two are alike."""
    return float(PER_METER * (meter + 1) + PER_REGISTER * register)


def asked(frame: bytes) -> int:
    """The physical device that an encoded frame goes to."""
    return frame[4] >> 1


def bus(meters: int, registers: int, frame: int) -> dict[str, Any]:
    """A simulated bus of meters with frames of so many bytes of information, as arguments of its factory."""
    rows = [
        {"logical_name": logical_name(number), "value": value(0, number), "per_meter": PER_METER}
        for number in range(registers)
    ]
    return {
        "meters": meters, "first_address": FIRST_PHYSICAL, "registers": rows, "max_info": frame, "profile_period": 0,
    }  # fmt: skip
