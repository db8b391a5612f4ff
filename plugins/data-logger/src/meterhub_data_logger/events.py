"""What the data logger writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

PAUSED = EventType(
    number=1,
    name="data-log-paused",
    text="The data log cannot be written: {why}",
    log=Log.SYSTEM,
    severity=Severity.ERROR,
    help="Make room on the disk, or lower the limit of entries. Writing is tried again without end. Meanwhile the hub "
    "keeps 20,000 readings for the log; what is too much for it is lost, counted, and told in an entry of its own.",
)

RESUMED = EventType(
    number=2,
    name="data-log-resumed",
    text="The data log is written again, after {seconds} s",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Nothing is to be done. If readings were lost meanwhile, another entry says how many.",
)

READINGS_LOST = EventType(
    number=3,
    name="data-log-readings-lost",
    text="{count} readings came faster than the data log could be written, and are not in it",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Log fewer points, or on change instead of every reading. After a disk that was full or a logger that did "
    "not run this is what the hub could not keep.",
)

SAMPLES_MISSED = EventType(
    number=4,
    name="data-log-samples-missed",
    text="{count} times the values that are logged each {interval} s were not taken, because the log could not be "
    "written",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Look for the entry that says why the log could not be written.",
)

OVER_BUDGET = EventType(
    number=5,
    name="data-log-over-flash-budget",
    text="The data log has written {megabytes} MB today; the flash budget is {budget} MB a day",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Write less often (a longer time between two commits), log on change with a smallest change, or give the "
    "budget that the flash memory stands.",
)

CLEARED = EventType(
    number=6,
    name="data-log-cleared",
    text="The data log was cleared: {entries} entries are gone",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Somebody with the right to it ran the command; the entry of the command beside this one says who.",
)

EVENT_TYPES = (PAUSED, RESUMED, READINGS_LOST, SAMPLES_MISSED, OVER_BUDGET, CLEARED)
