"""The entries of an answer as rows: each with its time and a mark that tells it from any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from meterhub_dlms.client.profiles.layout import Layout
from meterhub_dlms.client.profiles.meter_time import MeterTime, Told
from meterhub_dlms.client.profiles.progress import Mark
from meterhub_dlms.codec import axdr, cosem_time, profile
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.cosem_time import CosemTime
from meterhub_dlms.codec.errors import CodecError

PART = 100
"""Entries that are decoded between two turns of the loop: about a millisecond with ten columns."""

_DIGEST = 8


class Row(NamedTuple):
    """One entry with all its columns; ``told`` and ``mark`` are ``None`` where its time or a value cannot be told."""

    told: Told | None
    values: Sequence[Data]
    mark: Mark | None


class RowReader:
    """Decodes the answers of one meter's profile."""

    def __init__(self, layout: Layout, times: MeterTime, *, unchanged: bool = False) -> None:
        self._layout = profile.Layout(len(layout.columns), layout.clock, layout.period)
        self._times = times
        self._unchanged = unchanged
        self._newest_first = layout.newest_first
        self._deviation = 0

    async def read(self, buffer: bytes) -> list[Row]:
        """All entries of an answer in the order of capture, in parts that do not hold up the loop.

        ``CodecError`` when the answer is malformed or has other columns than the meter told.
        """
        rows: list[Row] = []
        decoded = profile.entries(buffer, self._layout, self._read_time)
        for part in profile.in_slices(self._rows(decoded), PART):
            rows += part
            await asyncio.sleep(0)
        return rows[::-1] if self._newest_first else rows

    def _rows(self, decoded: Iterator[profile.Entry]) -> Iterator[Row]:
        last: Sequence[Data] | None = None
        for time, values in decoded:
            row: Sequence[Data] = values
            if self._unchanged and last is not None:
                row = [before if value.tag == axdr.NULL else value for before, value in zip(last, values, strict=True)]
            last = row
            told = None if time is None or time.time is None else Told(time.time, time.status, self._deviation)
            if told is None or (self._unchanged and not self._whole(row)):
                yield Row(None, row, None)
            else:
                yield Row(told, row, Mark(told.time, self._digest(row)))

    def _whole(self, row: Sequence[Data]) -> bool:
        """Whether all values are there; as in an entry before it cannot be where there is none."""
        return all(value.tag != axdr.NULL for place, value in enumerate(row) if place != self._layout.clock)

    def _read_time(self, octets: bytes) -> CosemTime:
        """Where a time cannot be told the entry has none; the others count all the same."""
        try:
            told = self._times.told(octets)
        except CodecError:
            told = None
        if told is None:
            return CosemTime(None, cosem_time.NO_STATUS)
        self._deviation = told.deviation
        return CosemTime(told.time, told.status)

    def _digest(self, values: Sequence[Data]) -> bytes:
        clock = self._layout.clock
        content = b"".join(encode(value) for place, value in enumerate(values) if place != clock)
        return blake2b(content, digest_size=_DIGEST).digest()
