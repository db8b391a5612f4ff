"""One simulated device: what its rows hold now, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from meterhub_sdk import Point, Reading, Refused, Value

from meterhub_modbus.client.rows import CONNECTED, Row
from meterhub_modbus.client.templates import register_limit_of
from meterhub_modbus.client.values import ValueMismatch
from meterhub_modbus.simulator.motion import PHASES, Load
from meterhub_modbus.simulator.registers import DeviceRegisters
from meterhub_modbus.simulator.settings import ModbusSimulatorConfig, SimulatedDevice


class Simulated:
    """A device with rows that move, follow a point, or are held."""

    def __init__(self, config: ModbusSimulatorConfig, device: SimulatedDevice) -> None:
        rows = config.rows(device)
        limit = register_limit_of(device.template, config.templates)
        self.label = device.label
        self.number = device.unit
        self.registers = DeviceRegisters(device.label, rows, limit, fill_gaps=device.gaps == "zero")
        self.answers = True
        self.followed: dict[str, list[str]] = {}
        """Labels of rows by the point that they follow."""
        self._rows = {row.label: row for row in rows}
        self._moving: dict[str, Callable[[float], float]] = {}
        self._changed: set[str] = set(self._rows)
        if device.motion == "load":
            self._moving = dict(_moving(device.label, self._rows))
        for given in device.values:
            self._moving.pop(given.label, None)
            if given.follow is not None:
                self.followed.setdefault(given.follow, []).append(given.label)
            else:
                self.set(given.label, given.value)

    def set(self, label: str, value: Value) -> None:
        """Hold a value from now on; ``Refused`` when the row cannot."""
        if label == CONNECTED:
            if not isinstance(value, bool):
                raise Refused(f"{self.label}/{CONNECTED}: {value!r} was given; true or false will do")
            self.answers = value
            return
        if label not in self._rows:
            raise Refused(f"{self.label} has no row {label!r}")
        try:
            self._put(label, value)
        except ValueMismatch as mismatch:
            raise Refused(f"{self.label}/{label}: {mismatch}") from None
        self._moving.pop(label, None)

    def written(self, label: str, content: int) -> None:
        """A client wrote the registers of a row."""
        place = self.registers.places[label]
        place.put(content)
        for row in place.rows:
            self._moving.pop(row.label, None)
            self._changed.add(row.label)

    def follow(self, point: str, reading: Reading) -> None:
        """Show a reading in the rows that follow its point; what they cannot hold they do not show."""
        if reading.value is None:
            return
        for label in self.followed.get(point, ()):
            try:
                self._put(label, reading.value)
            except ValueMismatch:
                continue

    def move(self, time: float) -> None:
        """Go on to a time in seconds since 1970."""
        for label, value in self._moving.items():
            row = self._rows[label]
            moved = value(time)
            try:
                self._put(label, round(moved) if row.format.point_type == "int" else moved)
            except ValueMismatch:
                continue

    def _put(self, label: str, value: Value) -> None:
        self.registers.places[label].set(self._rows[label], value)
        self._changed.add(label)

    def changed(self) -> dict[str, Value]:
        """What the rows hold that changed since the last call, as their registers show it, by point name."""
        values: dict[str, Value] = {f"{self.label}/{CONNECTED}": self.answers}
        for label in self._changed:
            try:
                values[f"{self.label}/{label}"] = self.registers.places[label].get(self._rows[label])
            except ValueMismatch:
                continue
        self._changed.clear()
        return values


def points(config: ModbusSimulatorConfig) -> Iterator[Point]:
    """A writable point for each row, and one for each device by which it falls silent."""
    for device in config.devices:
        yield Point(
            name=f"{device.label}/{CONNECTED}", type="bool", title=f"{device.label} answers", writable=True, source=""
        )
        for row in config.rows(device):
            yield Point(
                name=f"{device.label}/{row.label}",
                type=row.format.point_type,
                unit=row.unit,
                title=f"{device.label} {row.label}",
                writable=True,
                source=row.source,
            )


def _moving(name: str, rows: Mapping[str, Row]) -> Iterator[tuple[str, Callable[[float], float]]]:
    """The rows that a load moves; three phases where a row is called so."""
    load = Load(name, len(PHASES) if any(label.endswith("-l2") for label in rows) else 1)
    for label, row in rows.items():
        value = load.value(label)
        if value is not None and row.format.point_type in ("int", "float"):
            yield label, value
