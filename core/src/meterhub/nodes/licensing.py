"""Licences, features and secrets as paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from meterhub_sdk import Config, Refused, field

from meterhub.access.principal import Principal
from meterhub.identity import Identity
from meterhub.licensing.features import Features
from meterhub.licensing.licences import Licences
from meterhub.resources import Node
from meterhub.secret_box import SecretBox

_LICENCE = 64 * 1024

SecretChanged = Callable[[str], Awaitable[None]]


class LicenceArguments(Config):
    """The text of a licence."""

    text: str = field(title="Licence", max_length=_LICENCE)


class LicenceFileArguments(Config):
    """An installed licence."""

    file: str = field(title="File", max_length=200)


class VendorArguments(Config):
    """A vendor whose licences count."""

    document: str = field(title="Public key", max_length=10_000)
    features: list[str] = field(["*"], title="Features it may license")


class SwitchArguments(Config):
    """A feature, on or off."""

    name: str = field(title="Feature", max_length=100)
    on: bool = field(title="On")


class SecretArguments(Config):
    """A secret."""

    name: str = field(title="Name", max_length=64)
    value: str = field(title="Value", max_length=10_000, widget="password")


class SecretNameArguments(Config):
    """A secret's name."""

    name: str = field(title="Name", max_length=64)


class LicensingNodes:
    """``/status/licences``, ``/command/licences/…``, ``/command/features/switch``, ``/command/secrets/…``."""

    def __init__(
        self, identity: Identity, licences: Licences, features: Features, secrets: SecretBox, changed: SecretChanged
    ) -> None:
        self._identity = identity
        self._licences = licences
        self._features = features
        self._secrets = secrets
        self._changed = changed

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/licences", "get", self._status, "Features and licences"),
            Node("/command/licences/install", "post", self._install, "Install a licence", LicenceArguments),
            Node("/command/licences/remove", "post", self._remove, "Remove a licence", LicenceFileArguments),
            Node("/command/licences/trust-vendor", "post", self._trust, "Trust a vendor", VendorArguments),
            Node("/command/features/switch", "post", self._switch, "Switch a feature", SwitchArguments),
            Node("/status/secrets", "get", self._names, "Secrets"),
            Node("/command/secrets/set", "post", self._set, "Set a secret", SecretArguments),
            Node("/command/secrets/delete", "post", self._delete, "Delete a secret", SecretNameArguments),
        ]

    async def _status(self, _: Principal, __: Any) -> Any:
        return {
            "serial": self._identity.serial,
            "features": self._features.table(),
            "licences": self._licences.rows(),
            "vendors": [{"kid": v.kid, "fingerprint": v.fingerprint} for v in self._licences.vendors()],
        }

    async def _install(self, who: Principal, a: LicenceArguments) -> Any:
        licence = await self._licences.install(a.text.encode(), who.name)
        return {"features": list(licence.features)}

    async def _remove(self, who: Principal, a: LicenceFileArguments) -> None:
        await self._licences.remove(a.file, who.name)

    async def _trust(self, who: Principal, a: VendorArguments) -> Any:
        vendor = await self._licences.add_vendor(a.document.encode(), a.features, who.name)
        return {"kid": vendor.kid, "fingerprint": vendor.fingerprint}

    async def _switch(self, who: Principal, a: SwitchArguments) -> None:
        await self._features.switch(a.name, a.on, who.name)

    async def _names(self, _: Principal, __: Any) -> Any:
        return {"secrets": self._secrets.names()}

    async def _set(self, _: Principal, a: SecretArguments) -> None:
        if not a.value:
            raise Refused("value: nothing was given; a secret has at least one character")
        self._secrets.set(a.name, a.value)
        await self._changed(a.name)

    async def _delete(self, _: Principal, a: SecretNameArguments) -> None:
        self._secrets.delete(a.name)
