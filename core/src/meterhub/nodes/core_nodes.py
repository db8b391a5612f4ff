"""All nodes of the core itself; those of services come and go with :mod:`meterhub.nodes.services`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meterhub.diagnostics import Diagnostics
from meterhub.nodes.access import AccessNodes
from meterhub.nodes.commands import CommandNodes
from meterhub.nodes.descriptions import DescriptionNodes
from meterhub.nodes.downloads import DownloadNodes
from meterhub.nodes.events import EventNodes
from meterhub.nodes.licensing import LicensingNodes
from meterhub.nodes.plugins import PluginNodes
from meterhub.nodes.power import PowerNodes
from meterhub.nodes.second_factor import SecondFactorNodes
from meterhub.nodes.synthesizers import SynthesizerNodes
from meterhub.nodes.uploads import UploadNodes
from meterhub.nodes.watching import WatchingNodes
from meterhub.resources import Node

if TYPE_CHECKING:
    from meterhub.app import Instance


def core_nodes(of: Instance) -> Iterator[Node]:
    """The nodes of every room, but of those that services share with the core (status and configuration)."""
    configured = of.configuration

    rooms = (
        AccessNodes(of.access),
        SecondFactorNodes(of.access, of.identity.host_name),
        CommandNodes(of.ledger, of.substitutions),
        DescriptionNodes(
            of.tree,
            of.catalogue,
            of.languages,
            lambda: configured.active.services,
            of.features.active,
            lambda: of.settings,
        ),
        DownloadNodes(of.tree, of.downloads, Diagnostics(of.home / "logs")),
        EventNodes(of.events),
        LicensingNodes(of.identity, of.licences, of.features, of.secrets, of.services.secret_set),
        PluginNodes(of.catalogue, of.plugins_changed),
        PowerNodes(of.power, of.events),
        SynthesizerNodes(of.synthesizers, of.uploads, of.services, of.operation),
        UploadNodes(of.uploads),
        WatchingNodes(of.services),
    )
    for room in rooms:
        yield from room.nodes()
