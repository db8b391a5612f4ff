"""The event log: ten logs, numbered event types, severity, clock status; append-only and hash-chained."""

from meterhub.events.bounds import Pruner
from meterhub.events.entry import Entry
from meterhub.events.log import EventLog
from meterhub.events.query import EventQuery, Page, read_page, render
from meterhub.events.receivers import Receivers
from meterhub.events.schema import SCHEMA
from meterhub.events.settings import EventLogConfig, View
from meterhub.events.types import EVENT_TYPES
from meterhub.events.verify import Fault, verify

__all__ = [
    "EVENT_TYPES",
    "SCHEMA",
    "Entry",
    "EventLog",
    "EventLogConfig",
    "EventQuery",
    "Fault",
    "Page",
    "Pruner",
    "Receivers",
    "View",
    "read_page",
    "render",
    "verify",
]
