"""The page "Synthesizers: Manage" as paths: upload, list, remove."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from meterhub_sdk import Config, Refused, field

from meterhub.access.principal import Principal
from meterhub.nodes.uploads import BASE64_LIMIT, decoded
from meterhub.operation import Operation
from meterhub.plugins import Installed
from meterhub.resources import Node
from meterhub.services import Services
from meterhub.synthesizers.inventory import row
from meterhub.synthesizers.management import Management
from meterhub.uploads import NAME_LIMIT, Uploads, check_file_name


class UploadArguments(Config):
    """A signed wheel: its name and content, or the id of a finished upload."""

    name: str | None = field(
        None,
        title="File name",
        max_length=NAME_LIMIT,
        description="As it was built: acme_losses-1.0.0-py3-none-any.whl.",
    )
    content: str | None = field(
        None, title="Content", max_length=BASE64_LIMIT, description="In base64; for a larger file give upload."
    )
    upload: str | None = field(
        None, title="Upload", max_length=64, description="Id of a finished upload, instead of name and content."
    )
    allow_downgrade: bool = field(
        False, title="Allow a downgrade", description="Take an older release than the one that is here."
    )


class RemoveArguments(Config):
    """An uploaded synthesizer."""

    name: str = field(title="Plugin", min_length=1, max_length=128, description="Such as acme-losses.")
    force: bool = field(
        False, title="Although it is in use", description="Its services stop; their settings are kept and marked."
    )


class SynthesizerNodes:
    """``/status/synthesizers`` and ``/command/synthesizer/…``."""

    def __init__(self, management: Management, uploads: Uploads, services: Services, operation: Operation) -> None:
        self._management = management
        self._uploads = uploads
        self._services = services
        self._operation = operation

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/synthesizers", "get", self._status, "Synthesizers"),
            Node("/command/synthesizer/upload", "post", self._upload, "Upload a synthesizer", UploadArguments),
            Node("/command/synthesizer/remove", "post", self._remove, "Remove a synthesizer", RemoveArguments),
        ]

    async def _status(self, _: Principal, __: Any) -> Any:
        found = self._management.inventory.synthesizers()
        return {"synthesizers": [{**row(plugin, kept), **self._services_of(plugin)} for plugin, kept in found]}

    def _services_of(self, plugin: Installed) -> dict[str, Any]:
        offered = plugin.description.services if plugin.description is not None else []
        return {
            "services": [{"name": service.name, "title": service.title} for service in offered],
            "configured": [self._state(name) for name in self._management.inventory.configured(plugin)],
        }

    def _state(self, name: str) -> dict[str, Any]:
        state = self._services.states.get(name)
        if state is None:
            return {"name": name, "state": "off", "detail": self._operation.idle.get(name, "")}
        return {"name": name, "state": state.state, "detail": state.detail}

    async def _upload(self, who: Principal, a: UploadArguments) -> Any:
        if (a.upload is None) == (a.content is None) or (a.content is None) != (a.name is None):
            raise Refused("give either name and content, or the upload that holds the file")
        with self._uploads.private() as directory:
            if a.upload is not None:
                spooled = self._uploads.finished(who.name, a.upload)
                wheel = directory / spooled.name
                os.link(spooled.path, wheel)
            else:
                wheel = directory / check_file_name(a.name or "")
                await asyncio.to_thread(wheel.write_bytes, decoded(a.content or ""))
            answer = await self._management.upload(who.name, wheel, allow_downgrade=a.allow_downgrade)
        if a.upload is not None:
            self._uploads.cancel(who.name, a.upload)
        return answer

    async def _remove(self, who: Principal, a: RemoveArguments) -> Any:
        return await self._management.remove(who.name, a.name, force=a.force)
