"""LEDs of the machine (/sys/class/leds; Documentation/leds/leds-class.rst) that show lamps, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from meterhub_sdk import Hub

from meterhub_system.events import LED_FAILED
from meterhub_system.lamps import LampState
from meterhub_system.settings import LampName, LedMapping
from meterhub_system.sysfs import SYS, number_of

HALF_PERIOD = 250
"""Milliseconds that a blinking LED is on, and off."""


class Leds:
    """Shows the states of lamps on LEDs; one that cannot be set is told once and tried again at the next change."""

    def __init__(self, hub: Hub, mapped: Sequence[LedMapping], sys: Path = SYS) -> None:
        self.failures: dict[str, str] = {}
        self._hub = hub
        self._leds = {row.lamp: sys / "class/leds" / row.led for row in mapped}
        self._shown: dict[str, LampState] = {}
        self._told: set[str] = set()

    async def show(self, states: Mapping[LampName, LampState]) -> None:
        """Set every mapped LED whose lamp changed."""
        for lamp in self._set(states):
            if lamp not in self._told:
                self._told.add(lamp)
                led, reason = self._leds[lamp].name, self.failures[lamp]
                await self._hub.events.record(LED_FAILED, led=led, lamp=lamp, reason=reason)

    def _set(self, states: Mapping[LampName, LampState]) -> list[LampName]:
        """Set what changed; answers the lamps that could not be shown."""
        failed: list[LampName] = []
        for lamp, led in self._leds.items():
            if self._shown.get(lamp) == states[lamp]:
                continue
            self._shown[lamp] = states[lamp]
            try:
                write_led(led, states[lamp])
            except OSError as error:
                self.failures[lamp] = error.strerror or str(error)
                failed.append(lamp)
            else:
                self.failures.pop(lamp, None)
        return failed

    def end(self, states: Mapping[LampName, LampState]) -> None:
        """The last states; it is too late to tell of failures."""
        self._set(states)

    def name_of(self, lamp: LampName) -> str:
        """The LED that shows a lamp; empty for one that is a state only."""
        led = self._leds.get(lamp)
        return led.name if led is not None else ""


def write_led(led: Path, state: LampState) -> None:
    """Set one LED; ``OSError`` when it is absent or may not be written."""
    if state == "blinking":
        _write(led / "trigger", "timer")
        _write(led / "delay_on", str(HALF_PERIOD))
        _write(led / "delay_off", str(HALF_PERIOD))
        return
    # Whatever drove it before, such as the heartbeat of the kernel, would go on doing so.
    if (led / "trigger").exists():
        _write(led / "trigger", "none")
    _write(led / "brightness", str(number_of(led / "max_brightness") or 1) if state == "on" else "0")


def _write(attribute: Path, text: str) -> None:
    """Never makes a file: an attribute that is not there is one that the LED does not have."""
    with attribute.open("r+", encoding="ascii") as file:
        file.write(text)
