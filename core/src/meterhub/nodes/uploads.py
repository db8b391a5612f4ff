"""Uploads as paths: a file in pieces, for the command that takes it by its id."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from meterhub_sdk import Config, Refused, field

from meterhub.access.principal import Principal
from meterhub.resources import Node
from meterhub.uploads import CHUNK_LIMIT, FILE_LIMIT, NAME_LIMIT, Upload, Uploads

BASE64_LIMIT = (CHUNK_LIMIT + 2) // 3 * 4
"""Characters of one piece in base64."""


class BeginArguments(Config):
    """A file that is to come."""

    name: str = field(title="File name", min_length=1, max_length=NAME_LIMIT, description="Without directories.")
    size: int = field(title="Size", ge=1, le=FILE_LIMIT, unit="bytes")


class AppendArguments(Config):
    """The next piece of a file."""

    upload: str = field(title="Upload", max_length=64, description="Its id, as begin answered.")
    offset: int = field(title="Offset", ge=0, le=FILE_LIMIT, unit="bytes", description="Where the piece begins.")
    content: str = field(
        title="Content", max_length=BASE64_LIMIT, description=f"In base64; at most {CHUNK_LIMIT:,} bytes."
    )


class FinishArguments(Config):
    """A file that is whole."""

    upload: str = field(title="Upload", max_length=64)
    sha256: str = field(
        title="SHA-256", pattern="^[0-9A-Fa-f]{64}$", description="Of the whole file, in hexadecimal digits."
    )


class CancelArguments(Config):
    """An upload that nobody needs any more."""

    upload: str = field(title="Upload", max_length=64)


class UploadNodes:
    """``/status/uploads`` and ``/command/upload/…``: everybody sees his own uploads."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/uploads", "get", self._status, "Uploads"),
            Node("/command/upload/begin", "post", self._begin, "Begin an upload", BeginArguments),
            Node("/command/upload/append", "post", self._append, "Add a piece to an upload", AppendArguments),
            Node("/command/upload/finish", "post", self._finish, "Finish an upload", FinishArguments),
            Node("/command/upload/cancel", "post", self._cancel, "Cancel an upload", CancelArguments),
        ]

    async def _status(self, who: Principal, _: Any) -> Any:
        return {"uploads": [self._row(upload) for upload in self._uploads.of(who.name)]}

    async def _begin(self, who: Principal, a: BeginArguments) -> Any:
        return self._row(self._uploads.begin(who.name, a.name, a.size))

    async def _append(self, who: Principal, a: AppendArguments) -> Any:
        return self._row(self._uploads.append(who.name, a.upload, a.offset, decoded(a.content)))

    async def _finish(self, who: Principal, a: FinishArguments) -> Any:
        return self._row(await self._uploads.finish(who.name, a.upload, a.sha256))

    async def _cancel(self, who: Principal, a: CancelArguments) -> None:
        self._uploads.cancel(who.name, a.upload)

    def _row(self, upload: Upload) -> dict[str, Any]:
        return {
            "id": upload.id,
            "name": upload.name,
            "size": upload.size,
            "offset": upload.offset,
            "finished": upload.finished,
            "expires_in": round(self._uploads.left(upload)),
        }


def decoded(content: str) -> bytes:
    """The bytes of a piece; ``Refused`` when it is no base64."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"content: it is no base64 ({error}); encode the bytes of the file") from error
