"""Plugins and trust as paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from meterhub_sdk import Config, Refused, field

from meterhub.access.principal import Principal
from meterhub.plugins import Catalogue, row
from meterhub.resources import Node
from meterhub.trust import Publisher, TrustStoreError


class TrustArguments(Config):
    """A publisher's public key and the names it may sign."""

    document: str = field(title="Public key", max_length=10_000)
    names: list[str] = field(title="Names it may sign", min_length=1, description="Patterns such as acme-*.")


class RevokeArguments(Config):
    """What is withdrawn: a key, or one release by its digest."""

    kid: str | None = field(None, title="Key", max_length=100)
    digest: str | None = field(None, title="Release", max_length=100)
    still_good: list[str] = field([], title="Releases that stay good", description="Digests signed with the key.")


class PluginNodes:
    """``/status/plugins`` and ``/command/plugins/…``; ``changed`` is called after each change."""

    def __init__(self, catalogue: Catalogue, changed: Callable[[], Awaitable[None]]) -> None:
        self._catalogue = catalogue
        self._changed = changed

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/plugins", "get", self._status, "Plugins"),
            Node("/command/plugins/rescan", "post", self._rescan, "Look for plugins again"),
            Node("/command/plugins/trust", "post", self._trust, "Trust a publisher", TrustArguments),
            Node("/command/plugins/revoke", "post", self._revoke, "Withdraw a key or release", RevokeArguments),
        ]

    async def _status(self, _: Principal, __: Any) -> Any:
        publishers = [
            {"kid": p.kid, "name": p.name, "fingerprint": p.fingerprint, "names": list(p.names)}
            for p in self._catalogue.trust.publishers
        ]
        rows = [row(plugin) for plugin in self._catalogue.installed.values()]
        return {"plugins": sorted(rows, key=lambda r: r["name"]), "publishers": publishers}

    async def _rescan(self, _: Principal, __: Any) -> None:
        await self._changed()

    async def _trust(self, _: Principal, a: TrustArguments) -> Any:
        try:
            publisher = Publisher.from_jwk(a.document, a.names)
            self._catalogue.trust.add(publisher)
        except TrustStoreError as error:
            raise Refused(str(error)) from error
        await self._changed()
        return {"kid": publisher.kid, "name": publisher.name, "fingerprint": publisher.fingerprint}

    async def _revoke(self, _: Principal, a: RevokeArguments) -> None:
        if (a.kid is None) == (a.digest is None):
            raise Refused("give either kid, to withdraw a key, or digest, to withdraw one release")
        try:
            if a.kid is not None:
                self._catalogue.trust.revoke(a.kid, a.still_good)
            else:
                self._catalogue.trust.revoke_release(a.digest or "")
        except TrustStoreError as error:
            raise Refused(str(error)) from error
        await self._changed()
