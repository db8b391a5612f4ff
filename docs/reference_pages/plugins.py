"""What the plugins of this repository offer: a page for each service, and one of all."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meterhub_sdk import Config
from meterhub_sdk.declaration import Declaration, read_plugin_toml
from meterhub_sdk.description import CommandDescription, Description, Plugin, ServiceDescription

from reference_pages.markdown import code, first_line, page, prose, table
from reference_pages.settings import model_tables, status_tables

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class FirstParty:
    """One distribution below ``plugins/``."""

    name: str
    summary: str
    plugin: Plugin
    description: Description
    declaration: Declaration


@cache
def first_party() -> tuple[FirstParty, ...]:
    """Every distribution of this repository that is a plugin, by name."""
    return tuple(_load(path) for path in sorted(ROOT.glob("plugins/*/pyproject.toml")))


def _load(path: Path) -> FirstParty:
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    entries = project["entry-points"]["meterhub.plugins"].values()
    plugin = Plugin(project["name"], [importlib.import_module(entry) for entry in entries])
    package = next(iter(entries)).partition(".")[0]
    declaration = read_plugin_toml((path.parent / "src" / package / "plugin.toml").read_bytes())
    return FirstParty(project["name"], project["description"], plugin, plugin.describe(), declaration)


def services_page() -> str:
    """All services, features and capabilities of the first party."""
    services = [
        (f"[{offered.name}](services/{offered.name}.md)", code(own.name), offered.kind, offered.title)
        for own in first_party()
        for offered in own.description.services
    ]
    features = [
        (code(feature.name), feature.title, code(own.name), "yes" if feature.built_in else "no")
        for own in first_party()
        for feature in own.description.features
    ]
    wants = [
        (
            code(own.name),
            ", ".join(map(code, own.declaration.capabilities)) or "none",
            f"{own.declaration.limits.memory // 2**20} MB",
            f"{own.declaration.limits.cpu:g}",
        )
        for own in first_party()
    ]
    return page(
        "Services",
        "Everything that runs is a service of a plugin. A service is configured under its name, or more than once as "
        "instances such as `losses@north`; that name is its path and the first element of its points.",
        table(("service", "distribution", "kind", "title"), services),
        "## Features",
        "A service runs while its feature is built in or licensed, and switched on "
        "([how-to](../how-to/licences-and-features.md)).",
        table(("feature", "title", "distribution", "built in"), features),
        "## What each distribution asks for",
        "Its signed manifest says so; see [capabilities](capabilities.md). Processor time is a share of one core "
        "over a minute.",
        table(("distribution", "capabilities", "memory", "processor"), wants),
    )


def service_pages() -> dict[str, str]:
    """File name to page, one for each service."""
    return {
        f"services/{offered.name}.md": _service_page(own, offered)
        for own in first_party()
        for offered in own.description.services
    }


def _service_page(own: FirstParty, offered: ServiceDescription) -> str:
    service = own.plugin.services[offered.name]
    facts = [
        ("distribution", code(own.name)),
        ("kind", offered.kind),
        ("feature", code(offered.feature) if offered.feature else "none; it always runs"),
        ("instances", "one" if offered.single else f"any number, as {code(offered.name + '@label')}"),
        (f"may read {code('/status/' + offered.name)}", offered.rights_status),
        (f"may read {code('/configuration/' + offered.name)}", offered.rights_read),
        (f"may change {code('/configuration/' + offered.name)}", offered.rights_write),
        ("version of the settings", str(offered.config_version)),
    ]
    status = status_tables(service.status_type) if service.status_type else ""
    return page(
        offered.name,
        f"**{offered.title}.** {prose(offered.description)}",
        table(("", ""), facts),
        "## Settings",
        first_line(service.config_type.__doc__) if service.config_type is not Config else "",
        model_tables(service.config_type),
        "## Status",
        status or "It has no status of its own beside its state.",
        "## Commands",
        *(_command(own, offered, command) for command in offered.commands),
        "" if offered.commands else "It has no commands.",
    )


def _command(own: FirstParty, offered: ServiceDescription, command: CommandDescription) -> str:
    arguments = own.plugin.services[offered.name].commands()[command.name].arguments
    takes = (
        ""
        if arguments is Config
        else f"\n\n{model_tables(arguments, level=4, suffix=f' of {command.name}', called='argument')}"
    )
    return (
        f"### {command.name}\n\n{code(f'/command/{offered.name}/{command.name}')}: {command.title}. "
        f"{prose(command.description)} By default for {command.rights}; time limit {command.timeout:g} s.{takes}"
    )
