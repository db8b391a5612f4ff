"""Modbus for Meterhub: the hooks; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The Modbus client, the Modbus server and the simulated devices."""
    from meterhub_modbus.client.service import ModbusClient
    from meterhub_modbus.service import ModbusServer
    from meterhub_modbus.simulator.service import ModbusSimulator

    return [ModbusClient, ModbusServer, ModbusSimulator]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What client and server may write to the event log."""
    from meterhub_modbus.client.events import CLIENT_EVENT_TYPES
    from meterhub_modbus.events import EVENT_TYPES

    return (*EVENT_TYPES, *CLIENT_EVENT_TYPES)
