"""A plugin for the tests of the pages: very many points, and a page of its own."""

from __future__ import annotations

from meterhub_sdk import hookimpl

from acme_crowd.crowd import Crowd


@hookimpl
def meterhub_services():
    return [Crowd]


@hookimpl
def meterhub_pages():
    return {"Service/Crowd report": "acme_crowd/pages/acme-crowd-report.js"}
