"""Writes ``docs/reference`` from the code: ``python docs/generate_reference.py``; ``--check`` only compares.

Settings, status, commands, paths with their default rights, event types, hooks, the SDK's names, the command line and
the capabilities are described once, in the code; these pages are that description for readers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reference_pages.command_line import command_line_page
from reference_pages.core import capabilities_page, events_page, paths_page, settings_page
from reference_pages.markdown import page, table
from reference_pages.plugins import service_pages, services_page
from reference_pages.sdk import hooks_page, names_page

DIRECTORY = Path(__file__).parent / "reference"

_INDEX = (
    ("services.md", "every service with settings, status and commands; features; what each plugin asks for"),
    ("core-settings.md", "settings of the core: event log, workers, login rules"),
    ("paths.md", "the tree of paths, the roles, and who may do what by default"),
    ("events.md", "every entry that can stand in the event log, and what to do about it"),
    ("command-line.md", "`meterhub` and `meterhub-sdk`"),
    ("hooks.md", "what a plugin can offer"),
    ("sdk.md", "every public name of `meterhub_sdk` and `meterhub_sdk.testing`"),
    ("capabilities.md", "`plugin.toml`, and what a plugin may ask for"),
)


def pages() -> dict[str, str]:
    """Every page of the reference: path below ``docs/reference`` to text."""
    return {
        "index.md": page("Reference", table(("page", "what stands there"), ((f"[{n}]({n})", t) for n, t in _INDEX))),
        "services.md": services_page(),
        **service_pages(),
        "core-settings.md": settings_page(),
        "paths.md": paths_page(),
        "events.md": events_page(),
        "command-line.md": command_line_page(),
        "hooks.md": hooks_page(),
        "sdk.md": names_page(),
        "capabilities.md": capabilities_page(),
    }


def stale(wanted: dict[str, str]) -> list[str]:
    """The files that differ from what the code says, those that are too many included."""
    there = {path.relative_to(DIRECTORY).as_posix() for path in DIRECTORY.rglob("*.md")}
    differing = {name for name in wanted.keys() & there if (DIRECTORY / name).read_text("utf-8") != wanted[name]}
    return sorted(differing | (wanted.keys() ^ there))


def write(wanted: dict[str, str]) -> None:
    """Make the directory hold exactly these pages."""
    for name in stale(wanted):
        path = DIRECTORY / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], "utf-8")
        else:
            path.unlink()


def main() -> int:
    """Write or compare; 1 when it compared and something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs from the code")
    options = parser.parse_args()
    wanted = pages()
    differing = stale(wanted)
    if not options.check:
        write(wanted)
    for name in differing:
        print(f"{name} {'differs from the code' if options.check else 'was written'}")
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
