"""How the data log is doing, for people."""

from __future__ import annotations

from pydantic import BaseModel, Field

from meterhub_data_logger.committing import Committer
from meterhub_data_logger.intake import Intake
from meterhub_data_logger.moments import day_shown, shown
from meterhub_data_logger.wear import MEGABYTE

_DAYS = 7


class SourceStatus(BaseModel):
    """One source."""

    label: str = Field(title="Source")
    points: int = Field(title="Points seen")
    rows: int = Field(title="Entries since the start")


class DayStatus(BaseModel):
    """What was written in one day (UTC)."""

    day: str = Field(title="Day")
    rows: int = Field(title="Entries")
    megabytes: float = Field(title="Written", json_schema_extra={"unit": "MB"})


class DataLoggerStatus(BaseModel):
    """The data log."""

    state: str = Field(title="State", description="Logging, or why the log cannot be written.")
    entries: int = Field(title="Entries")
    limit: int = Field(title="Entries kept")
    oldest: str | None = Field(title="Time of the oldest entry")
    newest: str | None = Field(title="Latest time in the log")
    rate: float = Field(title="Entries a second", description="Over the last hour.", json_schema_extra={"unit": "1/s"})
    pending: int = Field(title="Entries on their way to the disk")
    committed: int = Field(title="Entries since the start")
    commits: int = Field(title="Commits since the start")
    last_commit: float = Field(title="Time that the last commit took", json_schema_extra={"unit": "ms"})
    lost: int = Field(title="Readings and samples lost since the start")
    per_day: float = Field(
        title="Written to disk at this pace", description="Over the last hour.", json_schema_extra={"unit": "MB/day"}
    )
    flash_budget: float = Field(title="Flash budget", json_schema_extra={"unit": "MB/day"})
    budget_used: float = Field(title="Share of the budget at this pace", json_schema_extra={"unit": "%"})
    days: list[DayStatus] = Field(title="Written each day")
    sources: list[SourceStatus] = Field(title="Sources")


def status_of(committer: Committer, intake: Intake, lost: int, now: int, monotonic: float) -> DataLoggerStatus:
    """The status at this moment; ``now`` in nanoseconds UTC, ``monotonic`` in seconds."""
    window, progress, wear = committer.archive.window, committer.progress, committer.wear
    rate, written = wear.pace(monotonic)
    oldest, newest = progress.oldest, window.newest
    return DataLoggerStatus(
        state=f"cannot be written: {progress.paused}" if progress.paused else "logging",
        entries=window.entries,
        limit=window.limit,
        oldest=None if oldest is None else shown(oldest),
        newest=None if newest is None else shown(newest),
        rate=round(rate, 2),
        pending=progress.waiting,
        committed=progress.committed,
        commits=progress.commits,
        last_commit=round(1000 * progress.last_commit, 1),
        lost=lost,
        per_day=round(written / MEGABYTE, 1),
        flash_budget=wear.budget,
        budget_used=round(100 * written / MEGABYTE / wear.budget, 1),
        days=[
            DayStatus(day=day_shown(d), rows=rows, megabytes=round(b / MEGABYTE, 1)) for d, rows, b in wear.days(_DAYS)
        ],
        sources=[SourceStatus(label=s.settings.label, points=s.points, rows=s.rows) for s in intake.sources],
    )
