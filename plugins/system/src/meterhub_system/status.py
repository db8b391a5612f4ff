"""What ``/status/system`` shows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from meterhub_system.lamps import LampState
from meterhub_system.settings import LampName


def shown(title: str, description: str | None = None, *, unit: str | None = None) -> Any:
    """A field of a status that is not known until it was looked for."""
    return Field(None, title=title, description=description, json_schema_extra={"unit": unit} if unit else None)


class CoreLoad(BaseModel):
    """Load of one core."""

    core: int = Field(title="Core")
    load_10s: float | None = shown("Mean of 10 s", unit="%")
    load_15min: float | None = shown("Mean of 15 min", unit="%")


class ProcessorStatus(BaseModel):
    """Load of the processor."""

    load_10s: float | None = shown("Mean of 10 s", unit="%")
    load_15min: float | None = shown("Mean of 15 min", "Of less as long as the service runs for less.", unit="%")
    cores: list[CoreLoad] = Field([], title="Cores")


class MemoryStatus(BaseModel):
    """Memory of the machine."""

    share: float | None = shown("Used", unit="%")
    used: int | None = shown("In use", unit="B")
    total: int | None = shown("Total", unit="B")
    core: int | None = shown("Core of this instance", "The workers are shown by /status/workers.", unit="B")


class DiskStatus(BaseModel):
    """The file system that holds the home of the instance."""

    share: float | None = shown("Used", unit="%")
    used: int | None = shown("In use", unit="B")
    total: int | None = shown("Total", unit="B")
    written: int | None = shown("Written", "To all disks since the machine started; flash wears by it.", unit="B")


class SensorStatus(BaseModel):
    """One temperature."""

    sensor: str = Field(title="Sensor")
    temperature: float = Field(title="Temperature", json_schema_extra={"unit": "°C"})


class InterfaceStatus(BaseModel):
    """Traffic of one network interface."""

    name: str = Field(title="Interface")
    state: str = Field(title="State")
    speed: int | None = shown("Speed", unit="Mbit/s")
    address: str = Field(title="MAC address")
    receive_rate: float | None = shown("Receiving", unit="B/s")
    send_rate: float | None = shown("Sending", unit="B/s")
    received: int = Field(title="Received", json_schema_extra={"unit": "B"})
    sent: int = Field(title="Sent", json_schema_extra={"unit": "B"})
    received_packets: int = Field(title="Packets received")
    sent_packets: int = Field(title="Packets sent")
    errors: int = Field(title="Errors")
    dropped: int = Field(title="Dropped")


class Monitoring(BaseModel):
    """How busy the machine is."""

    processor: ProcessorStatus = Field(ProcessorStatus(), title="Processor")
    memory: MemoryStatus = Field(MemoryStatus(), title="Memory")
    disk: DiskStatus = Field(DiskStatus(), title="Disk")
    temperature: float | None = shown("Temperature", "Of the hottest sensor.", unit="°C")
    sensors: list[SensorStatus] = Field([], title="Temperatures")
    network: list[InterfaceStatus] = Field([], title="Network traffic")


class Info(BaseModel):
    """The machine and how it is."""

    state: Literal["starting", "running", "degraded"] = Field("starting", title="Operating state")
    problems: list[str] = Field([], title="What is wrong")
    host_name: str = Field("", title="Host name")
    operating_system: str = Field("", title="Operating system")
    kernel: str = Field("", title="Kernel")
    architecture: str = Field("", title="Architecture")
    processor: str = Field("", title="Processor")
    processor_cores: int | None = shown("Processor cores")
    memory: int | None = shown("Memory", unit="B")
    disk: int | None = shown("Disk", unit="B")
    python: str = Field("", title="Python")
    booted: datetime | None = shown("Machine started")
    uptime: float | None = shown("Time since the machine started", unit="s")


class TimeStatus(BaseModel):
    """The clock of the machine, as the kernel knows it; nothing here sets it."""

    time: datetime | None = shown("System time")
    zone: str = Field("", title="Time zone")
    clock: Literal["valid", "unknown", "invalid"] = Field("unknown", title="Clock")
    reason: str = Field("", title="Why")
    synchronised: bool | None = shown("Synchronised")
    maximum_error: float | None = shown("Maximum error", "A bound that the kernel keeps.", unit="s")
    estimated_error: float | None = shown("Estimated error", unit="s")
    source: str = Field("", title="Kept by", description="The program of the machine that seems to keep the clock.")
    last_synchronised: datetime | None = shown("Last synchronised", "Only systemd-timesyncd says it.")
    tick_source: str = Field("", title="Tick source", description="The counter that the clock runs by.")
    jumps: int = Field(0, title="Jumps since the service started")
    last_jump: datetime | None = shown("Last jump")
    last_jump_by: float | None = shown("Last jump by", unit="s")


class LampStatus(BaseModel):
    """One lamp."""

    lamp: LampName = Field(title="Lamp")
    state: LampState = Field(title="State")
    led: str = Field(title="LED", description="Empty for a lamp that is a state only.")
    failure: str = Field("", title="Why its LED does not show it")


class UtilityStatus(BaseModel):
    """What the utility calls the device."""

    name: str = Field("", title="Utility")
    location: str = Field("", title="Location")
    device_name: str = Field("", title="Device name")
    device_number: str = Field("", title="Device number")
    property_number: str = Field("", title="Property number")
    server_name: str = Field("", title="Server name")
    contact: str = Field("", title="Contact")


class SystemStatus(BaseModel):
    """The machine below the instance."""

    info: Info = Field(Info(), title="Info")
    monitoring: Monitoring = Field(Monitoring(), title="Monitoring")
    time: TimeStatus = Field(TimeStatus(), title="Time")
    lamps: list[LampStatus] = Field([], title="Lamps")
    utility: UtilityStatus = Field(UtilityStatus(), title="Identifiers of the utility")
