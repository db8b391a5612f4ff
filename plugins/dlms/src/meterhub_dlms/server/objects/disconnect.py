"""Disconnect control (class 70): a switch of the supply, worked and watched through points of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from meterhub_sdk import Hub, Reading

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemObject, Method, computed, fixed, outcome
from meterhub_dlms.server.kept import Kept
from meterhub_dlms.server.object_settings import DisconnectObject
from meterhub_dlms.server.served import usable
from meterhub_dlms.server.writing import write_point


class ControlState(IntEnum):
    """Attribute 3."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY_FOR_RECONNECTION = 2


_CONNECTS_AT_ONCE = frozenset({2, 4})
"""Control modes in which a remote reconnection needs nobody on site (transition a of the class's state diagram)."""


class DisconnectControl:
    """One switch; what was commanded last is kept, so that a restart does not make it forget who switched off.

    A supply that goes off without a command was switched off on site, and is ready for reconnection there. In the
    modes 1, 3, 5 and 6 a remote reconnection changes the state alone: the switch itself is closed on site.
    """

    def __init__(self, hub: Hub, settings: DisconnectObject, readings: Mapping[str, Reading], kept: Kept) -> None:
        self._hub = hub
        self._settings = settings
        self._readings = readings
        self._kept = kept
        saved = kept.load("state")
        self._state = ControlState.CONNECTED if saved is None else ControlState(saved[0])
        self._output: bool | None = None if saved is None else self._state is ControlState.CONNECTED
        """What the switch was seen to be, ``None`` before it ever was."""
        attributes = {
            2: computed(self._read_output),
            3: computed(self._read_state),
            4: fixed(Data(axdr.ENUM, settings.control_mode)),
        }
        methods: dict[int, Method] = {} if settings.control_mode == 0 else {1: self._disconnect, 2: self._reconnect}
        self.object = CosemObject(70, 0, obis.parse(settings.logical_name), attributes, methods)

    def changed(self, changed: Mapping[str, Reading], monotonic: float) -> None:
        """Follow what the switch does by itself or by hand."""
        reading = changed.get(self._settings.state_point)
        output = None if reading is None else self._connected(reading)
        if output is None or output is self._output:
            return
        before, self._output = self._output, output
        if output:
            self._enter(ControlState.CONNECTED)
        elif self._state is ControlState.CONNECTED:
            self._enter(ControlState.DISCONNECTED if before is None else ControlState.READY_FOR_RECONNECTION)

    def _connected(self, reading: Reading) -> bool | None:
        if not usable(reading) or reading.value not in (0, 1):
            return None
        return bool(reading.value) is not self._settings.inverted

    def _now(self) -> bool | None:
        reading = self._readings.get(self._settings.state_point)
        return None if reading is None else self._connected(reading)

    def _read_output(self) -> Data | AccessResult:
        output = self._now()
        return AccessResult.TEMPORARY_FAILURE if output is None else Data(axdr.BOOLEAN, output)

    def _read_state(self) -> Data | AccessResult:
        return AccessResult.TEMPORARY_FAILURE if self._now() is None else Data(axdr.ENUM, self._state)

    async def _disconnect(self, data: Data, caller: Caller) -> ActionOutcome:
        result = await self._switch(caller, connected=False)
        if result is AccessResult.SUCCESS:
            self._enter(ControlState.DISCONNECTED)
        return outcome(result)

    async def _reconnect(self, data: Data, caller: Caller) -> ActionOutcome:
        """Only from disconnected: who switched off on site may be working there, and must switch on there."""
        if self._state is ControlState.CONNECTED and self._now():
            return outcome(AccessResult.SUCCESS)
        if self._settings.control_mode not in _CONNECTS_AT_ONCE:
            self._enter(ControlState.READY_FOR_RECONNECTION)
            return outcome(AccessResult.SUCCESS)
        if self._state is ControlState.READY_FOR_RECONNECTION:
            return outcome(AccessResult.TEMPORARY_FAILURE)
        result = await self._switch(caller, connected=True)
        if result is AccessResult.SUCCESS:
            self._enter(ControlState.CONNECTED)
        return outcome(result)

    async def _switch(self, caller: Caller, *, connected: bool) -> AccessResult:
        value = connected is not self._settings.inverted
        return await write_point(self._hub, self._settings.command_point, value, caller)

    def _enter(self, state: ControlState) -> None:
        if state is not self._state:
            self._kept.save("state", bytes((state,)))
        self._state = state
