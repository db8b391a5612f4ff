"""A recorded load curve as measuring points: the hooks; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The load curve."""
    from meterhub_load_curve.service import LoadCurve

    return [LoadCurve]
