"""What a plugin's description may declare: looked at before anything of it becomes a path, a directory or a right."""

from __future__ import annotations

from collections.abc import Mapping

from meterhub_sdk.description import Description, ServiceDescription
from meterhub_sdk.point import check_element, check_name

from meterhub.access.errors import AccessRefused
from meterhub.access.roles import parse_roles
from meterhub.licensing.text import FEATURE


def fault_of(description: Description, owners: Mapping[str, str]) -> str:
    """What is wrong with it, as one sentence, or nothing.

    ``owners`` are the names of services that are taken, and by whom.
    """
    try:
        for service in description.services:
            _check_service(service, owners)
        for feature in description.features:
            if not FEATURE.fullmatch(feature.name):
                raise ValueError(f"its feature {feature.name[:80]!r} has no name such as synth.losses")
        for pattern in description.guards:
            check_name(pattern, pattern=True)
    except (ValueError, AccessRefused) as error:
        return str(error)
    return ""


def _check_service(service: ServiceDescription, owners: Mapping[str, str]) -> None:
    if service.name in owners:
        raise ValueError(f"its service {service.name!r} has a name that belongs to {owners[service.name]}")
    for name in (service.name, *(command.name for command in service.commands)):
        try:
            check_element(name)
        except ValueError as error:
            raise ValueError(f"the name of its service or command will not do: {error}") from error
        if name.startswith(".") or "@" in name:
            raise ValueError(
                f"the name of its service or command will not do: {name!r} begins with a dot or holds an @"
            )
    rights = [service.rights_status, service.rights_read, service.rights_write]
    for roles in (*rights, *(command.rights for command in service.commands)):
        try:
            parse_roles(roles)
        except AccessRefused as error:
            raise ValueError(f"the rights of its service {service.name!r} will not do: {error}") from error
