"""The core's own settings, paths with their default rights, event types, roles and capabilities."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from meterhub_sdk import EventType, Severity
from meterhub_sdk.declaration import PLAIN_CAPABILITIES, POINT_CAPABILITIES, Limits
from meterhub_sdk.description import EventDescription

import meterhub
from meterhub.access.rights import Row
from meterhub.access.roles import ROLES
from meterhub.access.rules import LoginRules
from meterhub.app import Instance
from meterhub.core_sections import CORE_SECTIONS
from meterhub.resources import Node
from reference_pages.markdown import code, first_line, page, table
from reference_pages.plugins import first_party
from reference_pages.settings import model_tables

CAPABILITIES = {
    "points.read:<pattern>": "read the points that the pattern stands for. Without it a service reads nothing of "
    "others. Asking for more than one pattern takes one entry each.",
    "points.write:<pattern>": "write those points; the owner of the point and every guard still decide.",
    "network": "open internet sockets, find names, and serve ports below 1024 where the instance itself may.",
    "serial": "open the serial ports of this machine that its settings name.",
    "interface": "carry requests of users to the tree of paths, with the session or API token that each user gave.",
    "vouch-users": "say who a user is by the word of an identity provider, with any roles but RA and RM.",
    "clock": "say for the whole instance whether the clock is right.",
    "monitoring": "read facts of the machine below /sys (devices, temperatures, traffic) and the size of the core's "
    "process.",
    "leds": "set LEDs of the machine, where the system lets the user of the instance.",
    "processes": "start other programs from the directories that it may read.",
}
"""Each capability that a manifest may name, and what the worker may do with it."""


def settings_page() -> str:
    """The sections of the configuration that belong to the core, and the rules for logins."""
    parts = []
    for name, model in CORE_SECTIONS.items():
        parts += [f"## {name}", first_line(model.__doc__), model_tables(model)]
    return page(
        "Settings of the core",
        "They stand in the configuration document beside those of the services, under these names.",
        *parts,
        "## Login rules",
        "These are not part of the document: they are changed with `/command/access/set-supervision`.",
        model_tables(LoginRules),
    )


@cache
def own_nodes() -> tuple[tuple[Node, ...], tuple[Row, ...]]:
    """The nodes that an instance has before any service is configured, and its matrix of rights."""

    async def look(home: Path) -> tuple[tuple[Node, ...], tuple[Row, ...]]:
        instance = Instance(home)
        try:
            return tuple(instance.tree.nodes(instance.access.control_principal())), tuple(
                instance.access.matrix.table()
            )
        finally:
            instance.store.close()

    umask = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory() as home:
            return asyncio.run(look(Path(home)))
    finally:
        os.umask(umask)


def paths_page() -> str:
    """Every path of the core with the roles that have it, and what it takes."""
    nodes, matrix = own_nodes()
    titles = {node.path: node.title for node in nodes}
    rows = []
    for row in sorted(matrix, key=lambda row: row.path):
        roles = [role.value for role, cell in row.cells.items() if cell.default and not cell.fixed]
        title = titles.get(row.path, "(reserved: nothing answers there in this release)")
        rows.append((code(row.path), row.verb.value, title, " ".join(roles) or "RA only"))
    arguments = [
        f"### {node.path}\n\n{_arguments(node)}"
        for node in sorted(nodes, key=lambda node: node.path)
        if node.arguments is not None
    ]
    return page(
        "Paths and rights",
        "One tree of paths names a thing everywhere: on the command line (`meterhub get`, `meterhub call`), in the "
        "matrix of rights, and in the event log. `/status/...` and `/data/...` are read, `/configuration/<service>` is "
        "read and written, `/command/...` is run. A path that is not in the matrix is allowed to nobody.",
        "RA has every right, RM every right but the management of users and rights; both are fixed. The rights of R1 "
        "to R9 can be changed; below are the defaults. What the services add stands on [their pages](services.md).",
        table(("path", "right", "title", "roles by default"), rows),
        "Beside these, every configured service has `/status/<service>`, `/configuration/<service>` and "
        "`/command/<service>/<name>` for each of its commands. An interface plugin also has `post /session/login` "
        "(`user`, `password`), `post /session/logout` and `get /session`.",
        "## Roles",
        table(
            ("role", "name", "title", "what for"),
            ((code(role), code(info.name), info.title, info.description) for role, info in ROLES.items()),
        ),
        "## Arguments",
        *arguments,
    )


def _arguments(node: Node) -> str:
    assert node.arguments is not None
    return model_tables(node.arguments, level=4, suffix=f" of {node.path.rpartition('/')[2]}", called="argument")


def core_events() -> list[EventType]:
    """Every event type that a module of the core defines."""
    found: dict[int, EventType] = {}
    for module in pkgutil.walk_packages(meterhub.__path__, "meterhub."):
        if not module.name.endswith("__main__"):
            values = vars(importlib.import_module(module.name)).values()
            found |= {value.number: value for value in values if isinstance(value, EventType)}
    return list(found.values())


def events_page() -> str:
    """Every event type of the core and of the plugins."""
    own = [
        f"## {one.name}\n\n{_event_table(one.description.events)}" for one in first_party() if one.description.events
    ]
    return page(
        "Event types",
        "An entry is known by its distribution and number. Severities are those of RFC 5424. Words in braces are "
        "replaced by the entry's parameters. How to read, filter and send on: "
        "[how-to](../how-to/read-the-event-log.md).",
        f"## meterhub\n\n{_event_table(core_events())}",
        *own,
    )


def _event_table(types: Iterable[EventType | EventDescription]) -> str:
    rows = (
        (
            str(event.number),
            code(event.name),
            str(event.log),
            Severity(event.severity).name.lower(),
            event.text,
            event.help,
        )
        for event in sorted(types, key=lambda event: event.number)
    )
    return table(("number", "name", "log", "severity", "text", "what to do"), rows)


def capabilities_page() -> str:
    """What a manifest may ask for."""
    known = {*PLAIN_CAPABILITIES, *(f"{kind}:<pattern>" for kind in POINT_CAPABILITIES)}
    if known != CAPABILITIES.keys():
        raise SystemExit(f"describe these capabilities in {__file__}: {', '.join(sorted(known ^ CAPABILITIES.keys()))}")
    limits = Limits()
    return page(
        "Capabilities and `plugin.toml`",
        "`plugin.toml` lies beside the code of a plugin; the signer copies it into the manifest, and the administrator "
        "is shown it at installation. Whatever it does not ask for is refused: points by the core, everything else by "
        "the worker's sandbox.",
        '```toml\nsdk = ">=0.1,<1"\nfeatures = ["synth.losses"]\ncapabilities = ["points.read:**"]\n\n'
        '[limits]\nmemory = "128 MB"\ncpu = 0.5\n```',
        table(
            ("key", "meaning"),
            (
                (code("sdk"), "the versions of `meterhub-sdk` that it works with (PEP 440)"),
                (code("features"), "the features of its services, at most 256"),
                (code("capabilities"), "what it may do, at most 256 entries of those below"),
                (
                    code("limits.memory"),
                    f"private memory of its worker, 16 MB to 16 GB; {limits.memory // 2**20} MB where it is not given",
                ),
                (
                    code("limits.cpu"),
                    f"share of one processor core over a minute, 0.01 to 64; {limits.cpu:g} where it is not given",
                ),
            ),
        ),
        "## Capabilities",
        table(("capability", "a worker with it may"), ((code(name), text) for name, text in CAPABILITIES.items())),
        "In a pattern a whole element `*` stands for any one element of a name and a final `**` for any number of "
        "them. A service always publishes and declares its own points and writes to its own directory.",
    )
