"""The web interface: pages that are made from descriptions, in signed files."""

from __future__ import annotations

from collections.abc import Mapping

from meterhub_sdk import hookimpl


@hookimpl
def meterhub_pages() -> Mapping[str, str]:
    """The application itself."""
    return {"/": "meterhub_web/static/index.html"}
