"""The logical devices: all objects of each by their names, made from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from meterhub_sdk import Hub, Point, Reading

from meterhub_dlms.codec import obis
from meterhub_dlms.identity import own_title
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.server.cosem import CosemObject
from meterhub_dlms.server.kept import Kept, disk_safe
from meterhub_dlms.server.object_settings import DeviceObjects
from meterhub_dlms.server.objects.activation import Activation
from meterhub_dlms.server.objects.activity_calendar import ActivityCalendar
from meterhub_dlms.server.objects.clock import ClockObject
from meterhub_dlms.server.objects.demand import Demand
from meterhub_dlms.server.objects.device_wide import HdlcLink, hdlc_setup, sap_assignment, security_setup
from meterhub_dlms.server.objects.disconnect import DisconnectControl
from meterhub_dlms.server.objects.local_clock import LocalClock, zone_of
from meterhub_dlms.server.objects.profile import Profile, ProfileStatus
from meterhub_dlms.server.objects.registers import PointObject, device_name
from meterhub_dlms.server.objects.special_days import SpecialDays
from meterhub_dlms.server.settings import Device, DlmsServerConfig


class Ticking(Protocol):
    """What does something by the time."""

    def tick(self, monotonic: float) -> None:
        """Look at the clock; called every second or so."""
        ...


class Following(Protocol):
    """What does something when readings come."""

    def changed(self, changed: Mapping[str, Reading], monotonic: float) -> None:
        """New readings came."""
        ...


class LogicalDevice:
    """One logical device: its ``objects`` by logical name, and those of its parts that work by themselves.

    ``tariffs`` are the calendars whose tariff is published, by the name of the point.
    """

    def __init__(self, address: int, name: str, max_pdu_size: int) -> None:
        self.address = address
        self.name = name
        self.max_pdu_size = max_pdu_size
        self.line_speed: int | None = None
        """In baud; whoever opens a serial line for this device says so here."""
        self.objects: dict[bytes, CosemObject] = {}
        self.ticking: list[Ticking] = []
        self.following: list[Following] = []
        self.tariffs: dict[str, ActivityCalendar] = {}

    def add(self, *shown: CosemObject) -> None:
        """Take objects in, in the order in which they shall be listed."""
        self.objects.update({each.logical_name: each for each in shown})


def build_devices(hub: Hub, config: DlmsServerConfig, readings: Mapping[str, Reading]) -> list[LogicalDevice]:
    """The logical devices that the settings describe, the first one first.

    ``readings`` holds the newest reading of every point of :func:`points_of`, and is kept up to date by
    :class:`~meterhub_dlms.server.background.Background`. ``ConfigError`` when a profile captures what an object lacks.
    """
    settings: list[DlmsServerConfig | Device] = [config, *config.devices]
    names = [_name(hub, shown) for shown in settings]
    physical = [address for address, _ in config.addresses()]
    devices = []
    for place, shown in enumerate(settings):
        device = LogicalDevice(shown.logical_device, names[place], config.max_pdu_size)
        neighbours = [each for each in range(len(settings)) if physical[each] == physical[place]]
        builder = _Builder(hub, shown, readings, device)
        builder.begin((settings[each].logical_device, names[each]) for each in neighbours)
        device.add(*_links(hub, config, physical[place], device))
        builder.add_points()
        builder.add_tariffs()
        builder.add_profiles()
        for each in device.objects.values():
            disk_safe(each)
        devices.append(device)
    return devices


class _Builder:
    """Makes the objects of one logical device, in an order in which each finds those it needs."""

    def __init__(
        self, hub: Hub, settings: DlmsServerConfig | Device, readings: Mapping[str, Reading], device: LogicalDevice
    ) -> None:
        self._hub = hub
        self._settings: DeviceObjects = settings
        self._readings = readings
        self._device = device
        own = settings.physical_address if isinstance(settings, Device) else None
        self._key = (own or 0) << 16 | settings.logical_device
        self._clock = LocalClock(hub.time, zone_of(settings.clock))
        self._demands: dict[bytes, Demand] = {}

    def begin(self, neighbours: Iterable[tuple[int, str]]) -> None:
        """The objects that are always there."""
        settings = self._settings.clock
        kept = Kept(self._hub, self._key, b"clock", settings) if settings.settable else None
        clock = ClockObject(self._clock, kept)
        self._device.add(clock.object, device_name(self._device.name), sap_assignment(neighbours))

    def add_points(self) -> None:
        """Registers, demands and disconnectors."""
        for served in self._settings.objects:
            self._device.add(PointObject(self._hub, served, self._readings, self._clock).object)
        for wanted in self._settings.demands:
            name = obis.parse(wanted.logical_name)
            kept = Kept(self._hub, self._key, name, wanted)
            demand = self._demands[name] = Demand(wanted, self._readings, self._clock, kept, _loop_time())
            self._add_working(demand)
        for switch in self._settings.disconnect:
            kept = Kept(self._hub, self._key, obis.parse(switch.logical_name))
            control = DisconnectControl(self._hub, switch, self._readings, kept)
            self._device.following.append(control)
            self._device.add(control.object)

    def add_tariffs(self) -> None:
        """Calendars with their special days, and the activations that follow them."""
        calendars: dict[str, ActivityCalendar] = {}
        for settings in self._settings.calendars:
            kept = Kept(self._hub, self._key, obis.parse(settings.logical_name), settings)
            special = SpecialDays(settings, kept)
            calendar = calendars[settings.logical_name] = ActivityCalendar(settings, self._clock, special, kept)
            self._device.ticking.append(calendar)
            self._device.add(calendar.object, special.object)
            if settings.tariff_point is not None:
                self._device.tariffs[settings.tariff_point] = calendar
        for wanted in self._settings.activations:
            kept = Kept(self._hub, self._key, obis.parse(wanted.logical_name), wanted)
            activation = Activation(wanted, self._device.objects, self._demands, kept)
            self._device.add(activation.object)
            if wanted.calendar is not None:
                calendars[wanted.calendar].followers.append(activation.follow)

    def add_profiles(self) -> None:
        """Profiles, which may capture every object that is not one."""
        rows = self._settings.profiles
        statuses = [None if row.status_name is None else ProfileStatus(row.status_name) for row in rows]
        self._device.add(*(status.object for status in statuses if status is not None))
        capturable = dict(self._device.objects)
        for settings, status in zip(rows, statuses, strict=True):
            self._add_working(Profile(self._hub, self._key, settings, self._clock, capturable, status))

    def _add_working(self, part: Demand | Profile) -> None:
        self._device.ticking.append(part)
        self._device.following.append(part)
        self._device.add(part.object)


def _links(hub: Hub, config: DlmsServerConfig, physical: int, device: LogicalDevice) -> list[CosemObject]:
    """HDLC and security setup, where there is HDLC or ciphering."""
    links = []
    if config.serial_port is not None or config.hdlc_port is not None:
        parameters = HdlcParameters(config.hdlc_max_transmit, config.hdlc_max_receive)
        link = HdlcLink(parameters, physical, inactivity=min(round(config.hdlc_inactivity), 0xFFFF))
        links.append(hdlc_setup(link, lambda: device.line_speed))
    if any(client.encryption_key is not None for client in config.clients):
        # For its place among the objects: each association shows its own instead.
        links.append(security_setup("none", own_title(hub.store, config.system_title), b""))
    return links


def points_of(config: DlmsServerConfig) -> set[str]:
    """The points of others that the objects need."""
    points: set[str] = set()
    for shown in (config, *config.devices):
        points.update(served.point for served in (*shown.objects, *shown.demands))
        points.update(point for profile in shown.profiles for point in profile.on_change)
        points.update(switch.state_point for switch in shown.disconnect)
    return points


def offered_points(config: DlmsServerConfig) -> list[Point]:
    """The points that the objects publish: the tariffs of calendars."""
    return [
        Point(name=calendar.tariff_point, type="int", title=f"Tariff of {calendar.name}", source=calendar.logical_name)
        for shown in (config, *config.devices)
        for calendar in shown.calendars
        if calendar.tariff_point is not None
    ]


def derived_name(service: str) -> str:
    """A logical device name made of the service's own: ``MHB`` and up to 13 characters of it."""
    return "MHB" + "".join(c for c in service if c.isascii() and c.isalnum())[:13]


def _name(hub: Hub, shown: DlmsServerConfig | Device) -> str:
    return shown.device_name or derived_name(hub.name)


def _loop_time() -> Callable[[], float]:
    return asyncio.get_running_loop().time
