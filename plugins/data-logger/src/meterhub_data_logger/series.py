"""Series: what was logged of one point by one source, in one unit and through one chain of scalers.

A change of unit or scalers begins another series, so old entries keep saying what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from meterhub_data_logger.archive import SeriesRow


@dataclass(frozen=True, slots=True)
class Series:
    """One series, with the number that rows name it by."""

    id: int
    source: str
    point: str
    unit: str
    scaling: str

    @property
    def row(self) -> SeriesRow:
        """As the database keeps it."""
        return (self.id, self.source, self.point, self.unit, self.scaling)


class Catalogue:
    """Every series; new ones get a number at once, and wait to be written with the first of their rows."""

    def __init__(self, known: Iterable[SeriesRow]) -> None:
        self.by_id: dict[int, Series] = {}
        self._ids: dict[tuple[str, str, str, str], int] = {}
        self._unsaved: list[SeriesRow] = []
        for number, *key in known:
            self._add(Series(number, *key))

    def identify(self, source: str, point: str, unit: str, scaling: str) -> int:
        """The number of a series."""
        number = self._ids.get((source, point, unit, scaling))
        if number is None:
            number = max(self.by_id, default=0) + 1 if not self._unsaved else self._unsaved[-1][0] + 1
            series = Series(number, source, point, unit, scaling)
            self._add(series)
            self._unsaved.append(series.row)
        return number

    def take_unsaved(self) -> list[SeriesRow]:
        """The series that are not written yet; whoever takes them writes them."""
        unsaved, self._unsaved = self._unsaved, []
        return unsaved

    def matching(self, names: re.Pattern[str], source: str | None) -> list[int] | None:
        """The numbers of the series of these points (and this source); ``None`` when they are all."""
        found = [
            series.id
            for series in self.by_id.values()
            if source in (None, series.source) and names.fullmatch(series.point)
        ]
        return None if len(found) == len(self.by_id) else found

    def _add(self, series: Series) -> None:
        self.by_id[series.id] = series
        self._ids[series.source, series.point, series.unit, series.scaling] = series.id
