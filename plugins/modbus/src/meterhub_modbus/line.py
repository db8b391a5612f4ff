"""A serial line's settings in words."""

from __future__ import annotations

from meterhub_sdk.serial import LineMode

USES = {"rs485": "RS-485", "rs422": "RS-422", "rs232": "RS-232", "base-meter": "base-meter channel"}
"""Kinds of port as people call them."""


def frame(mode: LineMode) -> str:
    """Speed and frame, such as 9600 Bd 8E1."""
    return f"{mode.baud} Bd {mode.data_bits}{mode.parity[0].upper()}{mode.stop_bits}"
