"""The service: what it logs, how it is doing, and its commands."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from meterhub_sdk import Feature, Hub, Point, Reading, Refused, Service, command

from meterhub_data_logger.answering import Reader
from meterhub_data_logger.archive import Archive
from meterhub_data_logger.asking import (
    AggregateArguments,
    AggregatePage,
    Cleared,
    Export,
    ExportArguments,
    ExportList,
    NameArguments,
    Page,
    Piece,
    QueryArguments,
    ReadArguments,
    SeriesArguments,
    SeriesPage,
)
from meterhub_data_logger.collecting import Collector
from meterhub_data_logger.committing import Committer
from meterhub_data_logger.events import CLEARED
from meterhub_data_logger.exporting import Exports
from meterhub_data_logger.intake import Intake
from meterhub_data_logger.sampling import Sampler
from meterhub_data_logger.schema import MIGRATIONS
from meterhub_data_logger.series import Catalogue
from meterhub_data_logger.settings import DataLoggerConfig
from meterhub_data_logger.status import DataLoggerStatus, status_of
from meterhub_data_logger.wear import Wear

_FIGURES_EVERY = 10.0
_LAST_DRAIN = 3.0
_MAY_READ = "R2 R3 R4 R5"
_MAY_REMOVE = "R5"


@dataclass(frozen=True)
class Rooms:
    """Everything that works while the service runs."""

    intake: Intake
    committer: Committer
    collector: Collector
    samplers: list[Sampler]
    reader: Reader
    exports: Exports


class DataLogger(Service[DataLoggerConfig]):
    """Keeps values of points, with time, quality and clock validity, on disk: the newest entries up to a limit."""

    name = "data-logger"
    title = "Data logging"
    menu = "Service"
    feature = Feature("data-logger", "Data logging", built_in=True)
    migrations = MIGRATIONS
    status_type = DataLoggerStatus

    def __init__(self, hub: Hub, config: DataLoggerConfig) -> None:
        super().__init__(hub, config)
        self._rooms: Rooms | None = None

    def points(self) -> Iterable[Point]:
        """How the log is doing."""
        return [
            Point(name="entries", type="int", title="Entries in the log"),
            Point(name="rate", unit="1/s", title="Entries a second, over the last hour"),
            Point(name="written-today", type="int", unit="B", title="Written to disk today"),
            Point(name="lost", type="int", title="Readings and samples lost since the start"),
            Point(name="writable", type="bool", title="Whether the log can be written"),
        ]

    async def run(self) -> None:
        """Log until cancelled; what still waits in the hub is taken first."""
        rooms = self._rooms = self._build()
        work = [rooms.collector.run(), self._publish_figures(rooms), *(sampler.run() for sampler in rooms.samplers)]
        tasks = [asyncio.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await done.pop()
        finally:
            rooms.collector.stop()
            for task in tasks[1:]:
                task.cancel()
            await asyncio.wait(tasks[:1], timeout=_LAST_DRAIN)
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._rooms = None
            if not rooms.committer.progress.paused:
                await rooms.committer.finish()
            rooms.committer.close()
            rooms.reader.close()

    def status(self) -> DataLoggerStatus | None:
        """Entries, pace, losses, and what is written to flash memory."""
        if self._rooms is None:
            return None
        rooms = self._rooms
        now, monotonic = self.hub.time.now(), asyncio.get_running_loop().time()
        return status_of(rooms.committer, rooms.intake, _lost(rooms), now, monotonic)

    @command(title="Query the log", rights=_MAY_READ)
    async def query(self, arguments: QueryArguments) -> Page:
        """Entries in the order of their times, a page at a time. Events of the same time: /data/event-log."""
        reader = self._found().reader
        wanted = reader.wanted(arguments, self.hub.time.now(), newest_first=arguments.newest_first)
        return await reader.in_thread(lambda: reader.page(arguments, wanted))

    @command(title="Aggregate the log", rights=_MAY_READ, timeout=60)
    async def aggregate(self, arguments: AggregateArguments) -> AggregatePage:
        """Minimum, maximum, mean, last value and count of each point in intervals of equal length."""
        reader = self._found().reader
        wanted = reader.wanted(arguments, self.hub.time.now())
        return await reader.in_thread(lambda: reader.aggregates(arguments, wanted))

    @command(title="Points in the log", rights=_MAY_READ)
    async def series(self, arguments: SeriesArguments) -> SeriesPage:
        """What was ever logged: points with their sources and units."""
        return self._found().reader.series(arguments)

    @command(title="Prepare an export", rights=_MAY_READ, timeout=300)
    async def prepare_export(self, arguments: ExportArguments) -> Export:
        """Write entries to a file; the newest ten are kept. One that was cut off says with which cursor to go on."""
        rooms, now = self._found(), self.hub.time.now()
        export = await rooms.exports.prepare(arguments, now)
        rooms.committer.wear.add(0, export.bytes, now, asyncio.get_running_loop().time())
        return export

    @command(title="List the exports", rights=_MAY_READ)
    async def exports(self) -> ExportList:
        """The exports that are there."""
        return self._found().exports.found()

    @command(title="Read an export", rights=_MAY_READ)
    async def read_export(self, arguments: ReadArguments) -> Piece:
        """What is in an export, about 200 kB at a time: whole lines, of Parquet Base64."""
        return self._found().exports.piece(arguments.name, arguments.offset)

    @command(title="Delete an export", rights="R3 R5")
    async def delete_export(self, arguments: NameArguments) -> None:
        """Remove the file."""
        self._found().exports.delete(arguments.name)

    @command(title="Clear the log", rights=_MAY_REMOVE, timeout=60)
    async def clear(self) -> Cleared:
        """Remove every entry for good; exports stay."""
        committer = self._found().committer
        if committer.progress.paused:
            raise Refused(f"the log cannot be written ({committer.progress.paused}); make room on the disk first")
        try:
            entries = await committer.clear()
        except sqlite3.OperationalError as error:
            raise Refused(f"the log cannot be cleared: {error}") from error
        await committer.tell(CLEARED, entries=entries)
        return Cleared(entries=entries)

    def _build(self) -> Rooms:
        config, loop = self.config, asyncio.get_running_loop()
        database = self.hub.store.conn
        archive = Archive(database, config.limit)
        catalogue = Catalogue(archive.series())
        intake = Intake(config.active, catalogue, self.hub.name)
        committer = Committer(self.hub, archive, catalogue, Wear(archive.days(), config.flash_budget, loop.time()))
        by_interval = sorted({source.interval for source in config.active if source.interval is not None})
        samplers = [
            Sampler(
                self.hub, interval, [s for s in intake.sources if s.settings.interval == interval], intake, committer
            )
            for interval in by_interval
        ]
        reader = Reader(self.hub.directory / "store.db", archive, catalogue)
        exports = Exports(self.hub.directory / "exports", config.export_limit, reader)
        exports.tidy()
        collector = Collector(self.hub, intake, committer, config.commit_interval)
        return Rooms(intake, committer, collector, samplers, reader, exports)

    async def _publish_figures(self, rooms: Rooms) -> None:
        while True:
            now, monotonic = self.hub.time.now(), asyncio.get_running_loop().time()
            progress, wear = rooms.committer.progress, rooms.committer.wear
            clock = int(self.hub.time.validity())
            figures = {
                "entries": Reading(rooms.committer.archive.window.entries, now, clock=clock),
                "rate": Reading(wear.pace(monotonic)[0], now, unit="1/s", clock=clock),
                "written-today": Reading(wear.today(now), now, unit="B", clock=clock),
                "lost": Reading(_lost(rooms), now, clock=clock),
                "writable": Reading(not progress.paused, now, clock=clock),
            }
            await self.hub.points.publish(figures)
            await asyncio.sleep(_FIGURES_EVERY)

    def _found(self) -> Rooms:
        if self._rooms is None:
            raise Refused(f"{self.hub.name} is not running; its commands wait until it is")
        return self._rooms


def _lost(rooms: Rooms) -> int:
    return rooms.collector.lost + sum(sampler.missed for sampler in rooms.samplers)
