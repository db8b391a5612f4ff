"""One section of the document: checked by its plugin, placed in a draft, checked again when the plugin changed."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import msgspec
from meterhub_sdk import Fault, MeterhubError
from meterhub_sdk.checking import Checked
from meterhub_sdk.point import check_element, check_name

from meterhub.config.document import Claims, Revision
from meterhub.config.editor import Draft

_log = logging.getLogger(__name__)


class SectionCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A checked section, and by which version of which plugin."""

    checked: Checked
    digest: str
    version: int


class Checker(Protocol):
    """Checks single sections: the workers of the plugins do it."""

    async def check(self, service: str, section: dict[str, Any], version: int | None) -> SectionCheck | None:
        """The answer, or ``None`` when no installed plugin offers the service."""
        ...

    def digest(self, service: str) -> str | None:
        """The digest of the plugin that offers the service now."""
        ...

    def synthesizers(self) -> frozenset[str]:
        """The services on offer that are synthesizers, without their instances."""
        ...


async def put(
    checker: Checker, draft: Draft, active: Revision, service: str, section: dict[str, Any], version: int | None
) -> list[Fault]:
    """Check a section and place it in the draft; the errors carry the service in their path.

    That of an absent plugin is kept as it is, if it stands so in the ``active`` revision.
    """
    if sentence := _misnamed(service):
        return [Fault([service], sentence)]
    found = await checker.check(service, section, version)
    if found is None:
        if active.services.get(service) != section:
            return [Fault([service], f"no installed plugin offers the service {service.partition('@')[0]!r}")]
        draft.services[service] = section
        if service in active.claims:
            draft.claims[service] = active.claims[service]
        if service in active.versions:
            draft.versions[service] = active.versions[service]
        return []
    if found.checked.errors:
        return [Fault([service, *fault.path], fault.message) for fault in found.checked.errors]
    if faults := _point_faults(service, found.checked):
        return faults
    draft.services[service] = found.checked.section
    draft.claims[service] = _claims(found)
    draft.versions[service] = found.version
    return []


async def rechecked(checker: Checker, revision: Revision) -> Revision:
    """The revision with the claims of plugins that changed since it was checked."""
    claims, versions = dict(revision.claims), dict(revision.versions)
    services = dict(revision.services)
    for name, section in revision.services.items():
        known = claims.get(name)
        digest = checker.digest(name)
        if digest is None or (known is not None and known.digest == digest):
            continue
        try:
            found = await checker.check(name, section, versions.get(name))
        except MeterhubError as error:  # one broken plugin keeps no other from running
            _log.warning("the settings of %s could not be checked again: %s", name, error)
            continue
        if found is not None and not found.checked.errors and not _point_faults(name, found.checked):
            services[name] = found.checked.section
            claims[name] = _claims(found)
            versions[name] = found.version
    return msgspec.structs.replace(revision, services=services, claims=claims, versions=versions)


def _claims(found: SectionCheck) -> Claims:
    checked = found.checked
    return Claims(digest=found.digest, points=checked.points, things=checked.things, needs=checked.needs)


def _misnamed(service: str) -> str:
    """What is wrong with the name of a service or instance: it becomes an element of paths and of point names."""
    base, at, label = service.partition("@")
    try:
        check_element(service)
        for element in (base, label) if at else (base,):
            check_element(element)
            if element.startswith(".") or "@" in element:
                raise ValueError(f"{element!r} begins with a dot or holds an @")
    except ValueError as error:
        return f"{service[:80]!r} is no name of a service; it is like losses or losses@north: {error}"
    return ""


def _point_faults(service: str, checked: Checked) -> list[Fault]:
    faults: list[Fault] = []
    for point in checked.points:
        try:
            check_name(f"{service}/{point.name}")
        except ValueError as error:
            faults.append(Fault([service], str(error)))
    return faults
