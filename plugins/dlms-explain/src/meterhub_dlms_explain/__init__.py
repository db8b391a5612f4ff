# SPDX-License-Identifier: GPL-2.0-only
"""DLMS/COSEM frames as readable XML: the hooks; gurux-dlms is imported at the first command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The service that explains."""
    from meterhub_dlms_explain.service import DlmsExplain

    return [DlmsExplain]
