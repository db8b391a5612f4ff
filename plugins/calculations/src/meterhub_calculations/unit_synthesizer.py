"""Synthesizers whose results count in a unit that stands in their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from meterhub_sdk import Hub, Synthesizer

from meterhub_calculations.settings import InUnit

C = TypeVar("C", bound=InUnit)


class UnitSynthesizer(Synthesizer[C]):
    """Name the outputs in ``results``; each counts in the unit of the settings."""

    results: ClassVar[Sequence[str]] = ("value",)
    outputs: Mapping[str, str]  # type: ignore[misc]  # the SDK knows fixed units only; here each instance has its own

    def __init__(self, hub: Hub, config: C) -> None:
        super().__init__(hub, config)
        self.outputs = dict.fromkeys(self.results, config.unit)
