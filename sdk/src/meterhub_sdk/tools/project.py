"""A plugin's checkout: its ``pyproject.toml`` and where its package lies."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meterhub_sdk.hooks import ENTRY_POINT_GROUP
from meterhub_sdk.layout import normalise
from meterhub_sdk.tools.errors import ToolError

TEXT_LIMIT = 2**20
"""Bytes of a ``pyproject.toml`` or of one source file that a check reads."""


@dataclass(frozen=True, slots=True)
class Project:
    """What ``pyproject.toml`` says, as it stands there: nothing of it is checked yet but that it is a table.

    ``source`` is the directory above the package, such as ``src``; ``package`` is empty when none was found.
    """

    directory: Path
    text: str
    table: dict[str, Any]
    name: str
    source: Path
    package: str

    @property
    def entry_points(self) -> dict[str, Any]:
        """The entry points that Meterhub looks at, name to module."""
        return _table(_table(self.table, "entry-points"), ENTRY_POINT_GROUP)

    @property
    def modules(self) -> list[str]:
        """The modules that the entry points name."""
        return [_module(value) for value in self.entry_points.values()]

    @property
    def package_directory(self) -> Path:
        """Where the package's files are."""
        return self.source / self.package

    def requirements(self) -> list[str]:
        """All requirements as written, those of extras too."""
        optional = _table(self.table, "optional-dependencies").values()
        lists = [self.table.get("dependencies", []), *optional]
        return [item for items in lists if isinstance(items, list) for item in items if isinstance(item, str)]

    def line(self, *needles: str) -> int:
        """The first line of ``pyproject.toml`` that holds one of the texts, the first text first; else 1."""
        return line_of(self.text, *needles)

    def shown(self, path: Path) -> str:
        """A path as it is shown to people: below the checkout where it lies there."""
        return path.relative_to(self.directory).as_posix() if path.is_relative_to(self.directory) else str(path)


def read_project(directory: Path) -> Project:
    """The project in a directory, or :class:`ToolError`."""
    directory = directory.resolve()
    path = directory / "pyproject.toml"
    if not path.is_file():
        raise ToolError(f"{directory} has no pyproject.toml; give the directory of a plugin, or make one with new")
    text = read_text(path)
    try:
        table = tomllib.loads(text).get("project")
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{path} cannot be read: {error}") from error
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise ToolError(f"{path} gives no name; a plugin has a table [project] with its name and version")
    name = normalise(table["name"])
    values = _table(_table(table, "entry-points"), ENTRY_POINT_GROUP).values()
    packages = [*(_module(value).partition(".")[0] for value in values), name.replace("-", "_")]
    source, package = _find(directory, packages)
    return Project(directory, text, table, name, source, package)


def read_text(path: Path) -> str:
    """The text of a file, or :class:`ToolError` when it is too long or no UTF-8."""
    with path.open("rb") as file:
        data = file.read(TEXT_LIMIT + 1)
    if len(data) > TEXT_LIMIT:
        raise ToolError(f"{path} has more than {TEXT_LIMIT:,} bytes; split it")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from error


def line_of(text: str, *needles: str) -> int:
    """The first line that holds one of the texts, the first text first; else 1."""
    for needle in needles:
        for number, line in enumerate(text.splitlines(), 1):
            if needle in line:
                return number
    return 1


def _find(directory: Path, packages: list[str]) -> tuple[Path, str]:
    for package in packages:
        for source in (directory / "src", directory):
            if package.isidentifier() and (source / package / "__init__.py").is_file():
                return source, package
    return directory, ""


def _module(value: object) -> str:
    return str(value).partition(":")[0].strip()


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    found = table.get(key)
    return found if isinstance(found, dict) else {}
