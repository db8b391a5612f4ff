"""The core's own sections of the configuration."""

from __future__ import annotations

from meterhub_sdk import Config, Label, field
from pydantic import field_validator

from meterhub.events.settings import EventLogConfig
from meterhub.instance_settings import InstanceConfig


class WorkersConfig(Config):
    """How plugins are spread over worker processes."""

    placement: list[list[Label]] = field(
        [],
        title="Placement",
        description="Each row names plugins (such as meterhub-dlms) that share one worker process on a small box. "
        "They then share what any of them was granted. Plugins of different publishers never share one, nor "
        "synthesizers with others.",
    )

    @field_validator("placement")
    @classmethod
    def _once(cls, rows: list[list[str]]) -> list[list[str]]:
        names = [name for row in rows for name in row]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} stands in two rows of the placement; leave it in one")
        return rows


CORE_SECTIONS: dict[str, type[Config]] = {
    "event-log": EventLogConfig,
    "instance": InstanceConfig,
    "workers": WorkersConfig,
}
"""The names under which they stand in the document, and their models."""
