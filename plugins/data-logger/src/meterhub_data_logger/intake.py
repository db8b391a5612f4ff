"""From readings to rows: which source wants a point, whether it changed, and its scalers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from meterhub_sdk import Quality, Reading, Value

from meterhub_data_logger.patterns import matching
from meterhub_data_logger.rows import Row, Stored, encoded
from meterhub_data_logger.scaling import scaled
from meterhub_data_logger.series import Catalogue
from meterhub_data_logger.settings import Source


class SourceIntake:
    """One source: the points that it wants."""

    def __init__(self, source: Source, own_name: str) -> None:
        self.settings = source
        self.scaling = json.dumps([scaler.model_dump() for scaler in source.scalers]) if source.scalers else ""
        self.points = 0
        self.rows = 0
        self._own = f"{own_name}/"
        self._names = matching(source.points)
        named = [pattern for pattern in source.points if pattern.startswith(self._own)]
        self._own_names: re.Pattern[str] | None = matching(named) if named else None

    def wants(self, name: str) -> bool:
        """Whether the point is this source's; the logger's own points must be asked for by name."""
        names = self._own_names if name.startswith(self._own) else self._names
        return names is not None and names.fullmatch(name) is not None


class Track:
    """One point in one source: what of it was logged last."""

    __slots__ = (
        "_catalogue",
        "_deadband",
        "_marks",
        "_name",
        "_scalers",
        "_series",
        "_source",
        "_time",
        "_unit",
        "_value",
    )

    def __init__(self, name: str, source: SourceIntake, catalogue: Catalogue) -> None:
        self._name = name
        self._source = source
        self._catalogue = catalogue
        self._scalers = source.settings.scalers
        self._deadband = source.settings.deadband
        self._unit: str | None = None
        self._series = 0
        self._time: int | None = None
        self._value: Stored = None
        self._marks = -1

    def row(self, reading: Reading, *, changed_only: bool) -> Row | None:
        """The row of a reading, or ``None`` when it is not to be logged."""
        value, quality = reading.value, reading.quality
        if value is None and not reading.time:
            return None  # nothing was ever measured
        if self._scalers:
            value, quality = self._scaled(value, quality)
        stored, marks = encoded(value, quality, reading.flags, reading.clock)
        if reading.unit != self._unit:
            self._change_unit(reading.unit)
        elif changed_only and marks == self._marks and self._unchanged(stored):
            return None
        self._time, self._value, self._marks = reading.time, stored, marks
        self._source.rows += 1
        return reading.time, self._series, stored, marks

    def sample(self, reading: Reading) -> Row | None:
        """The row of the newest reading at an interval, unless just that one is in the log."""
        return self.row(reading, changed_only=reading.time == self._time)

    def _unchanged(self, stored: Stored) -> bool:
        if stored == self._value:
            return True
        if self._deadband and isinstance(stored, int | float) and isinstance(self._value, int | float):
            return abs(stored - self._value) < self._deadband
        return False

    def _scaled(self, value: Value, quality: int) -> tuple[Value, int]:
        if value is None or isinstance(value, str):
            return value, quality
        value = scaled(self._scalers, value)
        return value, quality if value is not None else int(Quality.INVALID)

    def _change_unit(self, unit: str) -> None:
        self._unit = unit
        source = self._source
        shown = unit if source.settings.unit is None else source.settings.unit
        self._series = self._catalogue.identify(source.settings.label, self._name, shown, source.scaling)


class Intake:
    """All sources: hands each reading to those that want it."""

    def __init__(self, sources: Sequence[Source], catalogue: Catalogue, own_name: str) -> None:
        self.sources = [SourceIntake(source, own_name) for source in sources]
        self._catalogue = catalogue
        self._followed = [source for source in self.sources if source.settings.record != "interval"]
        self._known: dict[str, list[tuple[Track, bool]]] = {}
        self._tracks: dict[tuple[str, str], Track] = {}

    @property
    def patterns(self) -> list[str]:
        """What must be followed for the sources that record on change or every reading."""
        return list(dict.fromkeys(pattern for source in self._followed for pattern in source.settings.points))

    def rows(self, readings: Iterable[tuple[str, Reading]]) -> list[Row]:
        """The rows that these readings become."""
        known, rows = self._known, []
        for name, reading in readings:
            for track, changed_only in known[name] if name in known else self._meet(name):
                row = track.row(reading, changed_only=changed_only)
                if row is not None:
                    rows.append(row)
        return rows

    def samples(self, source: SourceIntake, newest: Mapping[str, Reading]) -> list[Row]:
        """The rows of the newest readings, for a source that logs by interval."""
        found = (self._track(name, source).sample(reading) for name, reading in newest.items() if source.wants(name))
        return [row for row in found if row is not None]

    def _meet(self, name: str) -> list[tuple[Track, bool]]:
        wanting = [source for source in self._followed if source.wants(name)]
        self._known[name] = [(self._track(name, s), s.settings.record == "change") for s in wanting]
        return self._known[name]

    def _track(self, name: str, source: SourceIntake) -> Track:
        key = (source.settings.label, name)
        if key not in self._tracks:
            source.points += 1
            self._tracks[key] = Track(name, source, self._catalogue)
        return self._tracks[key]
