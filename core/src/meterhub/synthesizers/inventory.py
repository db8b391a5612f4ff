"""Which synthesizers there are, where they came from, and what uses them."""

from __future__ import annotations

from typing import Any

from meterhub.config.configuration import Configuration
from meterhub.config.document import Claims, Sections
from meterhub.plugins import Catalogue, Installed
from meterhub.synthesizers.gate import fault_of_offer
from meterhub.synthesizers.shelf import Kept


class Inventory:
    """Looks at the catalogue, the shelf and the configuration; changes nothing."""

    def __init__(self, catalogue: Catalogue, configuration: Configuration) -> None:
        self._catalogue = catalogue
        self._shelf = catalogue.shelf
        self._configuration = configuration

    def synthesizers(self) -> list[tuple[Installed, Kept | None]]:
        """The plugins that only compute and whatever was uploaded, with what is known of its upload."""
        found = []
        for name, plugin in sorted(self._catalogue.installed.items()):
            kept = self._shelf.kept(name) if plugin.candidate.dist_info.is_relative_to(self._shelf.directory) else None
            if kept is not None or _only_computes(plugin):
                found.append((plugin, kept))
        return found

    def configured(self, plugin: Installed) -> list[str]:
        """The services of a plugin in the active configuration, instances by their own names."""
        active = self._configuration.active
        return _of(plugin, plugin.digest, active.services, active.claims)

    def named(self, name: str, kept: Kept | None) -> list[str]:
        """The services of an uploaded plugin in the active configuration and in the draft."""
        documents = [(self._configuration.active.services, self._configuration.active.claims)]
        if (draft := self._configuration.editor.draft) is not None:
            documents.append((draft.services, draft.claims))
        plugin = self._catalogue.installed.get(name)
        release = kept.release if kept is not None else ""
        return sorted({service for document in documents for service in _of(plugin, release, *document)})

    def using(self, name: str, kept: Kept | None) -> list[str]:
        """Why an uploaded plugin should not go: services that are configured, and in whose hands."""
        plugin, release = self._catalogue.installed.get(name), kept.release if kept is not None else ""
        active, draft = self._configuration.active, self._configuration.editor.draft
        reasons = []
        if services := _of(plugin, release, active.services, active.claims):
            reasons.append(f"{', '.join(services)} is configured")
        if draft is not None and (edited := set(_of(plugin, release, draft.services, draft.claims)) - set(services)):
            reasons.append(f"{', '.join(sorted(edited))} is in the draft of {draft.editor}")
        return reasons

    def why_not_removable(self, name: str) -> str:
        """What to do about a plugin that was not uploaded, as one sentence."""
        plugin = self._catalogue.installed.get(name)
        if plugin is not None:
            return (
                f"{name} was not uploaded but installed in the Python environment; whoever owns the machine removes it "
                f"with: meterhub plugin remove {name}"
            )
        uploaded = ", ".join(self._shelf.names()) or "none"
        return f"no synthesizer {name[:80]!r} was uploaded; uploaded are: {uploaded}"


def _of(plugin: Installed | None, release: str, services: Sections, claims: dict[str, Claims]) -> list[str]:
    """The services of a document that belong to a plugin, by what it offers or (in safe mode) by who checked them."""
    described = plugin.description if plugin is not None else None
    offered = {service.name for service in described.services} if described is not None else set()
    return sorted(
        name
        for name in services
        if name.partition("@")[0] in offered or (name in claims and release and claims[name].digest == release)
    )


def _only_computes(plugin: Installed) -> bool:
    manifest, described = plugin.manifest, plugin.description
    return manifest is not None and described is not None and not fault_of_offer(manifest, described)


def row(plugin: Installed, kept: Kept | None) -> dict[str, Any]:
    """What a page shows of one plugin, without its services."""
    return {
        "name": plugin.name,
        "version": plugin.candidate.version,
        "state": "refused" if plugin.problem else "good",
        "problem": plugin.problem,
        "publisher": plugin.publisher,
        "release": plugin.digest,
        "removable": kept is not None,
        "installed": kept.installed if kept is not None else None,
        "installed_by": kept.installed_by if kept is not None else "",
        "file": kept.file if kept is not None else "",
    }
