"""One simulated meter: a whole ``dlms-server`` on one line, whose points come from a load."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from meterhub_sdk import Hub, Reading

from meterhub_dlms import identity
from meterhub_dlms.codec import obis
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_dlms.server.counters import Counters
from meterhub_dlms.server.credentials import load_credentials
from meterhub_dlms.server.device import LogicalDevice, build_devices
from meterhub_dlms.server.hdlc_line import HdlcLine
from meterhub_dlms.server.keyring import Keyring
from meterhub_dlms.server.names import DeviceNames
from meterhub_dlms.server.object_settings import CLOCK_NAME
from meterhub_dlms.server.reception import Reception
from meterhub_dlms.server.reporter import Reporter
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.site import Served, Site
from meterhub_dlms.server.throttle import Throttle
from meterhub_dlms.simulator.hub import MeterHub
from meterhub_dlms.simulator.load import QUANTITIES, Load
from meterhub_dlms.simulator.settings import MeterBusConfig, SimulatedRegister

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
STATUS_NAME = "0-0:96.10.1*255"
SERIAL_NAME, SERIAL_POINT = "0-0:96.1.0*255", "serial-number"


class SimulatedMeter:
    """Answers what comes to one physical address; made by :meth:`install`, in the event loop that it will work in.

    Its registers change each full second, and its profile has no gaps, however seldom it is asked.
    """

    def __init__(self, settings: MeterBusConfig, address: int, now: int) -> None:
        self.address = address
        self.switched_on = address not in settings.silent
        self._history = max(int(settings.profile_days * DAY), settings.profile_period * SECOND)
        self._period = settings.profile_period * SECOND
        self._lived = now - self._history
        self.hub = MeterHub("simulator", settings.secrets, self._lived)
        self._shown = _shown(settings, address)
        serial = Reading(f"{address:08d}", self._lived)
        self._readings = {SERIAL_POINT: serial}
        self._sent: list[bytes] = []
        self._reception: Reception
        self._line: HdlcLine
        self._device: LogicalDevice

    @classmethod
    async def install(cls, settings: MeterBusConfig, address: int, now: int) -> SimulatedMeter:
        """A meter that has recorded its profile until ``now`` (nanoseconds since 1970 UTC)."""
        meter = cls(settings, address, now)
        config = DlmsServerConfig.model_validate(_server_settings(settings, address))
        hub = cast(Hub, meter.hub)  # the server's parts use no more of a hub than it has
        (meter._device,) = build_devices(hub, config, meter._readings)
        counters = KeyCounters(SqliteCounters(hub.store, Path()))
        clients = {client.address: client for client in config.clients}
        credentials = await load_credentials(hub, config.clients)
        keyring = Keyring(identity.own_title(hub.store, ""), counters)
        site = Site(clients, credentials, keyring, Throttle(config.guesses, time.monotonic), Counters())
        served = Served(meter._device, address, DeviceNames(meter._device.objects.values()))
        meter._reception = Reception(config, site, Reporter(hub, config.guesses.lock), [served])
        meter._line = meter._new_line()
        meter._tell(meter._lived)
        meter._live(now)
        return meter

    async def answer(self, frame: bytes, now: int) -> list[bytes]:
        """What it sends when it hears a frame; nothing while it is switched off."""
        if not self.switched_on:
            if self._line.active:
                self._line.close()
                self._line = self._new_line()
            return []
        self._live(now)
        await self._line.feed(frame)
        sent = self._sent.copy()
        self._sent.clear()
        return sent

    def value(self, logical_name: str, moment: int) -> float:
        """What a register shows at a moment, in its unit and before it is rounded; ``KeyError`` when not there."""
        return self._shown[logical_name][1](moment // SECOND)

    def close(self) -> None:
        """Give its memory back."""
        self.hub.store.conn.close()

    def _new_line(self) -> HdlcLine:
        """A line on which nobody has a link yet."""
        return HdlcLine(self._reception, "the simulated line", self._sent.append)

    def _live(self, now: int) -> None:
        """Let its time go on, with a stop at the end of each capture period."""
        begin = max(self._lived, now - self._history)
        if self._period:
            for moment in range((begin // self._period + 1) * self._period, now + 1, self._period):
                self._tell(moment)
        self._tell(now)
        self._lived = now

    def _tell(self, moment: int) -> None:
        """It is this late now."""
        before, self.hub.moment = self.hub.moment, moment
        if before // SECOND != moment // SECOND or len(self._readings) <= len(self._shown):
            for register, shown in self._shown.values():
                value = shown(moment // SECOND)
                self._readings[register.point] = Reading(value, moment, unit=register.format.unit)
        for part in self._device.ticking:
            part.tick(moment / SECOND)


Shown = tuple[SimulatedRegister, Callable[[float], float]]


def _shown(settings: MeterBusConfig, address: int) -> Mapping[str, Shown]:
    """For each register what it shows at a time in seconds."""
    load = Load(f"{settings.site}/{address}")
    number = address - settings.first_address

    def shown(register: SimulatedRegister) -> Callable[[float], float]:
        if register.is_fixed:
            fixed = register.value + number * register.per_meter
            return lambda time: fixed
        quantity = QUANTITIES[register.quantity]
        return lambda time: quantity(load, time)

    return {register.logical_name: (register, shown(register)) for register in settings.registers}


def _server_settings(settings: MeterBusConfig, address: int) -> dict[str, Any]:
    """The meter as settings of ``dlms-server``."""
    served = [
        {
            "logical_name": register.logical_name,
            "point": register.point,
            "unit": register.format.unit,
            "data_type": register.format.data_type,
            "scaler": register.format.scaler,
        }
        for register in settings.registers
    ]
    serial = {"logical_name": SERIAL_NAME, "point": SERIAL_POINT, "class_id": 1, "data_type": "visible-string"}
    return {
        "tcp": False,
        "serial_port": "line",
        "device_name": f"MHBSIM{address:05d}",
        "physical_address": address,
        "clients": settings.clients,
        "objects": [serial, *served],
        "clock": {"settable": True},
        "profiles": [_profile(settings)] if settings.profile_period else [],
        "hdlc_max_transmit": settings.max_info,
        "hdlc_max_receive": settings.max_info,
    }


def _profile(settings: MeterBusConfig) -> dict[str, Any]:
    """A load profile of the energies, or of all registers where there are none."""
    energies = [each.logical_name for each in settings.registers if each.format.unit.endswith("h")]
    names = [obis.text(CLOCK_NAME), STATUS_NAME, *(energies or [each.logical_name for each in settings.registers])]
    days = settings.profile_days + 1
    return {
        "logical_name": "1-0:99.1.0*255",
        "columns": [{"logical_name": name} for name in names],
        "period": settings.profile_period,
        "entries": min(100_000, max(1, round(days * 86_400 / settings.profile_period))),
        "status_name": STATUS_NAME,
    }
