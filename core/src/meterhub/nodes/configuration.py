"""Configuration mode, history, export and import as paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from meterhub_sdk import Config, Fault, MeterhubError, Refused, field

from meterhub.access.gate import Access
from meterhub.access.principal import Principal
from meterhub.config.configuration import Configuration
from meterhub.config.document import Change, Exported, diff, read_exported
from meterhub.demo import sample
from meterhub.resources import Node
from meterhub.secret_box import SecretBox

_FILE_LIMIT = 1 << 20


class ApplyArguments(Config):
    """How the draft becomes the running configuration."""

    name: str = field("", title="Name of the revision", max_length=100)
    confirm_within: float = field(
        120.0,
        title="Confirm within",
        unit="s",
        ge=0,
        le=86_400,
        description="Without a confirmation in this time the old configuration returns by itself; 0 confirms at once.",
    )


class SaveArguments(Config):
    """One section for the draft."""

    service: str = field(title="Service", max_length=130)
    section: dict[str, Any] | None = field(None, title="Settings", description="Nothing takes the service out.")


class ExportArguments(Config):
    """What goes into the file."""

    passphrase: str | None = field(
        None,
        title="Passphrase",
        min_length=12,
        max_length=200,
        description="Secrets are left out, or encrypted with this passphrase.",
    )


class ImportArguments(Config):
    """A configuration file."""

    file: str = field(title="File", max_length=_FILE_LIMIT, description="The content of an exported file.")
    passphrase: str | None = field(None, title="Passphrase", max_length=200)


class RevertArguments(Config):
    """An older revision."""

    revision: int = field(title="Revision", ge=0)


class RevisionQuery(Config):
    """Two revisions to compare."""

    number: int = field(title="Revision", ge=0)
    against: int | None = field(None, title="Against", ge=0, description="Empty: the running configuration.")


class ConfigurationNodes:
    """``/command/configuration/…``, ``/status/configuration`` and ``/configuration/<service>``.

    ``offered`` tells whether an installed plugin has a service.
    """

    def __init__(
        self, access: Access, configuration: Configuration, secrets: SecretBox, offered: Callable[[str], bool]
    ) -> None:
        self._access = access
        self._configuration = configuration
        self._secrets = secrets
        self._offered = offered

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        command = "/command/configuration/"
        return [
            Node("/status/configuration", "get", self._status, "Configuration"),
            Node("/data/configuration-history", "get", self._history, "History"),
            Node("/data/configuration-revision", "get", self._revision, "Compare revisions", RevisionQuery),
            Node(command + "enter", "post", self._enter, "Enter configuration mode"),
            Node(command + "leave", "post", self._discard, "Leave configuration mode"),
            Node(command + "discard", "post", self._discard, "Discard the draft"),
            Node(command + "cancel-other", "post", self._cancel_other, "Cancel another user's configuration mode"),
            Node(command + "save", "post", self._save, "Save a section", SaveArguments),
            Node(command + "check", "post", self._check, "Check the draft"),
            Node(command + "diff", "post", self._diff, "What apply would change"),
            Node(command + "apply", "post", self._apply, "Apply the draft", ApplyArguments),
            Node(command + "confirm", "post", self._confirm, "Confirm the configuration"),
            Node(command + "export", "post", self._export, "Export", ExportArguments),
            Node(command + "import", "post", self._import, "Import", ImportArguments),
            Node(command + "load-demo", "post", self._load_demo, "Load the demonstration"),
            Node(command + "restore-defaults", "post", self._defaults, "Restore defaults"),
            Node(command + "revert", "post", self._revert, "Return to a revision", RevertArguments),
        ]

    def section_nodes(self, service: str) -> list[Node]:
        """The nodes of one service's section."""
        path = f"/configuration/{service}"

        async def read(_: Principal, __: Any) -> Any:
            return self._section(service)

        async def write(who: Principal, section: Any) -> Any:
            if not isinstance(section, dict):
                raise Refused(f"the settings of {service} are an object, not {type(section).__name__}")
            return _saved(await self._configuration.save(who.name, service, section))

        async def delete(who: Principal, _: Any) -> Any:
            return _saved(await self._configuration.save(who.name, service, None))

        return [Node(path, "get", read), Node(path, "put", write), Node(path, "delete", delete)]

    def _section(self, service: str) -> Any:
        draft = self._configuration.editor.draft
        active = self._configuration.active.services.get(service)
        return {"active": active, "draft": draft.services.get(service) if draft else None, "editing": draft is not None}

    async def _status(self, _: Principal, __: Any) -> Any:
        config, draft = self._configuration, self._configuration.editor.draft
        left = None
        if config.confirm_until is not None:
            left = round(max(0.0, config.confirm_until - asyncio.get_running_loop().time()), 1)
        return {
            "revision": config.active.number,
            "name": config.active.name,
            "services": sorted(config.active.services),
            "confirm_within": left,
            "editor": draft.editor if draft else None,
            "editing_since": draft.since if draft else None,
            "changes": len(config.diff()),
        }

    async def _history(self, _: Principal, __: Any) -> Any:
        return self._configuration.history.summaries()

    async def _revision(self, who: Principal, wanted: RevisionQuery) -> Any:
        """What a return from the one to the other would change."""
        read, active = self._configuration.history.read, self._configuration.active
        one, other = read(wanted.number), active if wanted.against is None else read(wanted.against)
        changes = self._readable(who, diff(other.services, one.services))
        return {"number": one.number, "against": other.number, "changes": changes}

    async def _enter(self, who: Principal, _: Any) -> Any:
        draft = await self._configuration.enter(who.name, who.id)
        return {"editor": draft.editor, "services": sorted(draft.services)}

    async def _discard(self, who: Principal, _: Any) -> None:
        await self._configuration.discard(who.name)

    async def _cancel_other(self, who: Principal, _: Any) -> Any:
        return {"cancelled": await self._configuration.cancel_other(who.name)}

    async def _save(self, who: Principal, arguments: SaveArguments) -> Any:
        path = f"/configuration/{arguments.service}"
        if not self._access.matrix.declares(path):  # a new instance: the rights of its service count
            path = path.partition("@")[0]
        if self._access.matrix.declares(path):  # a service that nobody offers has no rights, and is told as an error
            await self._access.require(who, path, "write")
        return _saved(await self._configuration.save(who.name, arguments.service, arguments.section))

    async def _check(self, _: Principal, __: Any) -> Any:
        return {"errors": self._configuration.check()}

    async def _diff(self, who: Principal, _: Any) -> Any:
        return {"changes": self._readable(who, self._configuration.diff())}

    def _readable(self, who: Principal, changes: list[Change]) -> list[Change]:
        """Those of sections that the caller may read; of a service that nobody offers, if he may export all of them."""
        matrix = self._access.matrix

        def may_read(service: str) -> bool:
            for path in (f"/configuration/{service}", f"/configuration/{service.partition('@')[0]}"):
                if matrix.declares(path):
                    return matrix.allows(who.roles, path, "read")
            return matrix.allows(who.roles, "/command/configuration/export", "run")

        return [change for change in changes if may_read(str(change.path[0]))]

    async def _apply(self, who: Principal, arguments: ApplyArguments) -> Any:
        return await self._configuration.apply(who.name, name=arguments.name, confirm_within=arguments.confirm_within)

    async def _confirm(self, who: Principal, _: Any) -> Any:
        return {"revision": await self._configuration.confirm(who.name)}

    async def _export(self, _: Principal, arguments: ExportArguments) -> Any:
        exported = self._configuration.export()
        if arguments.passphrase is not None:
            secrets = await asyncio.to_thread(self._secrets.export, arguments.passphrase)
            exported = msgspec.structs.replace(exported, secrets=secrets)
        return exported

    async def _import(self, who: Principal, arguments: ImportArguments) -> Any:
        exported: Exported = read_exported(arguments.file.encode())
        if exported.secrets is not None and arguments.passphrase is None:
            raise Refused("the file holds encrypted secrets; give the passphrase it was exported with")
        draft = self._configuration.editor.held_by(who.name)
        before = draft.services, draft.versions, draft.claims
        errors = await self._configuration.replace(who.name, exported.services, exported.versions)
        if not errors and exported.secrets is not None:
            try:
                await asyncio.to_thread(self._secrets.import_, exported.secrets, arguments.passphrase or "")
            except MeterhubError:
                draft.services, draft.versions, draft.claims = before
                self._configuration.editor.save()
                raise
        migrated = [
            f"{service}: settings of version {version} are now version {draft.versions[service]}"
            for service, version in exported.versions.items()
            if not errors and draft.versions.get(service, version) > version
        ]
        return {**_saved(errors), "written_by": exported.written_by, "migrated": migrated}

    async def _defaults(self, who: Principal, _: Any) -> Any:
        return _saved(await self._configuration.replace(who.name, {}, {}))

    async def _load_demo(self, who: Principal, _: Any) -> Any:
        """Add the services of the sample that the draft does not have; what is there stays as it is."""
        draft = self._configuration.editor.held_by(who.name)
        kept = [name for name in sample.SERVICES if name in draft.services]
        missing = [name for name in sample.SERVICES if name not in kept and not self._offered(name)]
        if sample.METER in missing:
            raise Refused(f"no installed plugin offers the simulated meter {sample.METER}: install meterhub-load-curve")
        added = {name: section for name, section in sample.SERVICES.items() if name not in (*kept, *missing)}
        errors = await self._configuration.replace(who.name, {**draft.services, **added}, draft.versions)
        return {**_saved(errors), "added": list(added), "kept": kept, "missing": missing}

    async def _revert(self, who: Principal, arguments: RevertArguments) -> Any:
        return _saved(await self._configuration.revert(who.name, arguments.revision))


def _saved(errors: list[Fault]) -> dict[str, Any]:
    return {"saved": not errors, "errors": errors}
