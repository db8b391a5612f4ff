"""The commands on exchanges: what they take and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from meterhub_sdk import Config, Label, Quality, Reading, Refused, field, moment

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.client.meter_exchange.occupant import NOBODY
from meterhub_dlms.client.meter_exchange.place import MeterPlace
from meterhub_dlms.client.meter_exchange.records import Exchange, ExchangeState
from meterhub_dlms.client.polling import Polling


class ExchangeRequest(Config):
    """Which meter is exchanged."""

    meter: Label = field(title="Meter", description="Label of the meter; its points and mappings stay as they are.")
    new_meter: str = field(
        "",
        title="New meter",
        description="Logical device name or serial number of the new meter; another one is then not accepted. Empty "
        "for any meter but the old one.",
        max_length=128,
    )
    withdraw: bool = field(False, title="Withdraw", description="The meter is not exchanged after all.")


class ExchangesRequest(Config):
    """Which exchanges to list."""

    meter: Label | None = field(None, title="Meter", description="Label of the meter; empty for all.")
    most: int = field(100, title="Most", description="How many of the newest exchanges.", ge=1, le=1000)


class ExchangeReading(Config):
    """One reading of an exchange."""

    mapping: str = field(title="Mapping", description="Label of the mapping.")
    value: bool | int | float | str | None = field(title="Value", description="As published; empty when invalid.")
    unit: str = field(title="Unit", description="Of the value.")
    time: datetime = field(title="Time", description="When the value was true, by the meter's clock.")
    quality: str = field(title="Quality", description="good, substituted, stale or invalid.")


class MeterExchange(Config):
    """One exchange of a meter."""

    meter: str = field(title="Meter", description="Label of the meter.")
    state: ExchangeState = field(
        title="State",
        description="waiting for the new meter; unannounced: another meter answers, and nobody confirmed it; opening: "
        "not all opening readings are there; done; withdrawn.",
    )
    begun: datetime = field(title="Begun", description="When it was announced or noticed.")
    ended: datetime | None = field(title="Ended", description="Empty while it goes on.")
    old_meter: str = field(title="Old meter", description="Logical device name and serial number.")
    new_meter: str = field(title="New meter", description="The same of the new one, once it answers.")
    closing: list[ExchangeReading] = field(title="Closing readings", description="The last of the old meter.")
    opening: list[ExchangeReading] = field(title="Opening readings", description="The first of the new meter.")


class Exchanges(Config):
    """Exchanges of meters, the newest first."""

    exchanges: list[MeterExchange] = field(title="Exchanges", description="One entry for each.")


async def exchange_meter(bus: Bus, place: MeterPlace, request: ExchangeRequest) -> MeterExchange:
    """Announce an exchange, confirm one that happened, or withdraw it; ``Refused`` when that does not fit."""
    if request.withdraw:
        return shown(place.withdraw())
    if not place.replaced:
        await _read_all(bus, request.meter)
    return shown(await place.announce(request.new_meter.strip()))


def shown(exchange: Exchange) -> MeterExchange:
    """An exchange for people."""
    unknown = exchange.state == "waiting" or exchange.new == NOBODY
    return MeterExchange(
        meter=exchange.meter,
        state=exchange.state,
        begun=moment(exchange.begun),
        ended=None if exchange.ended is None else moment(exchange.ended),
        old_meter=str(exchange.old),
        new_meter=exchange.expected if unknown else str(exchange.new),
        closing=_readings(exchange.closing),
        opening=_readings(exchange.opening),
    )


async def _read_all(bus: Bus, label: str) -> None:
    """Read all mappings once more, one after the other, so that others have their turn; a lost meter ends it."""
    polling = bus.pollers[label].polling
    for point in polling.points.values():
        if point.mapping.kind != "attribute":
            continue
        try:
            await bus.perform(label, Priority.COMMAND, partial(_read, polling, point))
        except RequestRejected:
            continue
        except (Refused, *BROKEN):
            return


async def _read(polling: Polling, point: MappedPoint, association: Association) -> None:
    await polling.read_now(association, point)


def _readings(readings: Mapping[str, Reading]) -> list[ExchangeReading]:
    return [
        ExchangeReading(
            mapping=label,
            value=reading.value,
            unit=reading.unit,
            time=moment(reading.time),
            quality=Quality(reading.quality).name.lower(),
        )
        for label, reading in readings.items()
    ]
