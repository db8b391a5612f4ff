"""Downloads as paths: prepared in the background, fetched in pieces, cancelled all at once."""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from typing import Any, Literal

import msgspec
from meterhub_sdk import Config, Refused, field, moment

from meterhub.access.principal import Principal
from meterhub.diagnostics import Diagnostics
from meterhub.downloads import Download, Downloads
from meterhub.exports import exported
from meterhub.resources import Node, Tree


class ExportArguments(Config):
    """What a query finds, all pages of it, as a file."""

    path: str = field(title="Path", max_length=300, description="Such as /data/event-log.")
    arguments: dict[str, Any] = field(default_factory=dict, title="Arguments", description="Of that path.")
    format: Literal["json", "jsonl", "csv"] = field("csv", title="Format")


class DiagnosticsArguments(Config):
    """What somebody who helps needs to see; secrets are in neither."""

    kind: Literal["support-dump", "diagnostic-log"] = field("support-dump", title="Kind")


class PieceQuery(Config):
    """A piece of a file."""

    id: str = field(title="Download", max_length=64)
    offset: int = field(0, title="Offset", unit="bytes", ge=0)


class CancelArguments(Config):
    """Which download; without one all of them."""

    id: str | None = field(None, title="Download", max_length=64)


class DownloadNodes:
    """``/status/downloads``, ``/data/download`` and their commands: everybody sees his own."""

    def __init__(self, tree: Tree, downloads: Downloads, diagnostics: Diagnostics) -> None:
        self._tree = tree
        self._downloads = downloads
        self._diagnostics = diagnostics

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/downloads", "get", self._status, "Downloads"),
            Node("/data/download", "get", self._piece, "Piece of a download", PieceQuery),
            Node("/command/download/export", "post", self._export, "Prepare an export", ExportArguments),
            Node("/command/download/cancel", "post", self._cancel, "Cancel downloads", CancelArguments),
            Node("/command/diagnostics/download", "post", self._diagnose, "Prepare diagnostics", DiagnosticsArguments),
        ]

    async def _status(self, who: Principal, _: Any) -> Any:
        self._downloads.expire()
        return {"downloads": [_row(each) for each in self._downloads.of(who.name)]}

    async def _piece(self, who: Principal, query: PieceQuery) -> Any:
        piece = await asyncio.to_thread(self._downloads.read, who.name, query.id, query.offset)
        found = self._downloads.require(who.name, query.id)
        more = query.offset + len(piece)
        return {
            "name": found.name,
            "size": found.size,
            "content": base64.b64encode(piece).decode(),
            "next": more if more < found.size else None,
        }

    async def _export(self, who: Principal, asked: ExportArguments) -> Any:
        node = self._tree.node(asked.path, "get") or self._tree.node(asked.path, "post")
        if node is None or node.path.startswith("/command/download"):
            raise Refused(f"{asked.path[:100]} cannot be exported; take a path that is read, such as /data/event-log")
        await self._tree.require(who, node)
        known = node.arguments.model_fields if node.arguments is not None else self._fields(asked.path)
        ask = partial(self._tree.request, who, node.verb, node.path)
        name = f"{asked.path.strip('/').replace('/', '-')}.{asked.format}"
        content = exported(ask, asked.arguments, known, asked.format)
        return _row(self._downloads.prepare(who.name, name, content))

    def _fields(self, path: str) -> tuple[str, ...]:
        """Commands of services check their arguments themselves; their queries are paged by ``after``."""
        return ("after",) if path.startswith("/command/") else ()

    async def _cancel(self, who: Principal, asked: CancelArguments) -> None:
        mine = [self._downloads.require(who.name, asked.id)] if asked.id else self._downloads.of(who.name)
        await self._downloads.cancel(*mine)

    async def _diagnose(self, who: Principal, asked: DiagnosticsArguments) -> Any:
        ask = partial(self._tree.request, who)
        if asked.kind == "diagnostic-log":
            return _row(self._downloads.prepare(who.name, "diagnostic-log.txt", self._diagnostics.log()))
        return _row(self._downloads.prepare(who.name, "support-dump.zip", self._diagnostics.dump(ask)))


def _row(download: Download) -> dict[str, Any]:
    shown = {name: value for name, value in msgspec.structs.asdict(download).items() if name not in ("path", "expires")}
    return {**shown, "began": moment(download.began).isoformat()}
