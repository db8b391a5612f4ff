"""Configuration mode: who edits, and the draft."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
from meterhub_sdk import Refused

from meterhub.config.document import Claims, Sections
from meterhub.files import replace_atomically

_log = logging.getLogger(__name__)


class Draft(msgspec.Struct, kw_only=True):
    """The document as it is being edited; on disk after each save, so that nothing is lost."""

    editor: str
    session: str
    since: int
    base: int
    services: Sections
    versions: dict[str, int]
    claims: dict[str, Claims]
    secrets: dict[str, Any] = {}


class Editor:
    """At most one draft; whoever holds it is the editor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.draft: Draft | None = None
        try:
            self.draft = msgspec.json.decode(path.read_bytes(), type=Draft)
        except FileNotFoundError:
            pass
        except msgspec.DecodeError as error:  # of another version: editing begins anew
            _log.warning("the draft in %s cannot be read and was left aside: %s", path, error)

    def enter(self, draft: Draft) -> Draft:
        """Begin to edit, or go on with the own draft; ``Refused`` naming who edits already."""
        if self.draft is not None and self.draft.editor != draft.editor:
            raise Refused(f"{self.draft.editor} is in configuration mode; wait, or cancel it if you may")
        if self.draft is None:
            self.draft = draft
        self.draft.session = draft.session
        self.save()
        return self.draft

    def held_by(self, user: str) -> Draft:
        """The draft, if ``user`` is its editor."""
        if self.draft is None:
            raise Refused("nobody is in configuration mode; enter it first")
        if self.draft.editor != user:
            raise Refused(f"{self.draft.editor} is in configuration mode, not {user}")
        return self.draft

    def leave(self) -> Draft | None:
        """End configuration mode; the draft is gone."""
        draft, self.draft = self.draft, None
        self._path.unlink(missing_ok=True)
        return draft

    def save(self) -> None:
        """Put the draft on disk."""
        if self.draft is not None:
            replace_atomically(self._path, msgspec.json.encode(self.draft))
