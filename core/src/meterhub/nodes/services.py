"""The nodes that services bring: they come and go with the configuration and the plugins."""

from __future__ import annotations

from typing import Any

from meterhub_sdk.description import ServiceDescription

from meterhub.access.rights import Matrix
from meterhub.core_sections import CORE_SECTIONS
from meterhub.nodes.configuration import ConfigurationNodes
from meterhub.nodes.status import StatusNodes
from meterhub.plugins import Catalogue
from meterhub.resources import Tree

_CORE_READ, _CORE_WRITE = "R2 R3 R5", "R5"


class ServiceNodes:
    """Declares ``/configuration/<service>`` for every service on offer, and for each configured one its
    ``/status/<service>`` and ``/command/<service>/<name>``.
    """

    def __init__(
        self,
        tree: Tree,
        matrix: Matrix,
        catalogue: Catalogue,
        status: StatusNodes,
        configuration: ConfigurationNodes,
    ) -> None:
        self._tree = tree
        self._matrix = matrix
        self._catalogue = catalogue
        self._status = status
        self._configuration = configuration
        self._paths: set[str] = set()

    def follow(self, sections: dict[str, Any]) -> None:
        """Make the nodes those of the plugins on offer and of these configured sections."""
        for path in self._paths:
            self._tree.remove(path)
            self._matrix.withdraw(path)
        self._paths = set()
        for name in CORE_SECTIONS:
            self._declare_section(name, _CORE_READ, _CORE_WRITE)
        offers = {offered.name: offered for _, offered in self._catalogue.offers()}
        for offered in offers.values():
            self._declare_section(offered.name, offered.rights_read, offered.rights_write)
        for name in sections:
            known = offers.get(name.partition("@")[0])
            if known is not None:
                self._declare_section(name, known.rights_read, known.rights_write)
                self._declare_service(name, known)
            elif name not in CORE_SECTIONS:
                self._declare_section(name, _CORE_READ, _CORE_WRITE)

    def _declare_section(self, name: str, read: str, write: str) -> None:
        path = f"/configuration/{name}"
        self._matrix.declare(path, "read", read)
        self._matrix.declare(path, "write", write)
        self._tree.add(*self._configuration.section_nodes(name))
        self._paths.add(path)

    def _declare_service(self, name: str, service: ServiceDescription) -> None:
        rights = {f"/status/{name}": ("read", service.rights_status)}
        rights |= {f"/command/{name}/{command.name}": ("run", command.rights) for command in service.commands}
        for path, (verb, roles) in rights.items():
            self._matrix.declare(path, verb, roles)
            self._paths.add(path)
        self._tree.add(*self._status.service_nodes(name, service))
