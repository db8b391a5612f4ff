"""Calculations with points: the hooks; each synthesizer has a module beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The synthesizers."""
    from meterhub_calculations.losses import Losses

    return [Losses]
