"""A plugin for the tests of the core: a source that does well or badly as it is told."""

from __future__ import annotations

from meterhub_sdk import hookimpl

from acme_bench.source import SEEN, Alias, Source


@hookimpl
def meterhub_services():
    return [Source, Alias]


@hookimpl
def meterhub_event_types():
    return [SEEN]
