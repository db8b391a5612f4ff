"""``pyproject.toml``, ``plugin.toml`` and the files of the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meterhub_sdk.declaration import read_plugin_toml
from meterhub_sdk.hooks import ENTRY_POINT_GROUP
from meterhub_sdk.layout import ManifestError, check_packages, check_path
from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.project import Project, line_of, read_text

_PYPROJECT = "pyproject.toml"
_EXAMPLE = f'[project.entry-points."{ENTRY_POINT_GROUP}"]'
_VALUE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?", re.ASCII)
_QUOTED = re.compile(r"'([^']{1,100})'")
_TOML_LINE = re.compile(r"at line (\d+)")


def check(project: Project) -> Iterator[Finding]:
    """Findings about what the distribution says of itself."""
    yield from _entry_points(project)
    for key in ("scripts", "gui-scripts"):
        if project.table.get(key):
            message = f"a plugin has no {key}; its entry points in the group {ENTRY_POINT_GROUP} are all that it offers"
            yield Finding(_PYPROJECT, project.line(f"[project.{key}]", key), message)
    if not project.package:
        package = project.name.replace("-", "_")
        message = f"no package of {project.name} was found; put one with an __init__.py into src/{package}"
        yield Finding(_PYPROJECT, project.line("name"), message)
        return
    try:
        check_packages([project.package])
    except ManifestError as error:
        yield Finding(_PYPROJECT, project.line(project.package), str(error))
    yield from _plugin_toml(project)
    yield from _files(project)


def _entry_points(project: Project) -> Iterator[Finding]:
    groups: Any = project.table.get("entry-points") or {}
    for group in groups if isinstance(groups, dict) else ():
        if group != ENTRY_POINT_GROUP:
            message = f"the entry points of the group {group!r} are refused; only {ENTRY_POINT_GROUP} may be there"
            yield Finding(_PYPROJECT, project.line(str(group)), message)
    if not project.entry_points:
        message = f"there is no entry point; name the module with the hooks below {_EXAMPLE}"
        yield Finding(_PYPROJECT, project.line("entry-points", "[project]"), message)
    for name, value in project.entry_points.items():
        line = project.line(f'"{value}"', f"'{value}'", name)
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            yield Finding(_PYPROJECT, line, f"the entry point {name} = {value!r} names no module; acme_losses would")
            continue
        module = value.partition(":")[0]
        place = project.source / module.replace(".", "/")
        if not (place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()):
            yield Finding(_PYPROJECT, line, f"the entry point {name} names {module}, which is not there; mend its name")
        elif module.partition(".")[0] != project.package:
            yield Finding(_PYPROJECT, line, f"the entry point {name} leaves the package {project.package}; stay in it")


def _plugin_toml(project: Project) -> Iterator[Finding]:
    path = project.package_directory / "plugin.toml"
    shown = project.shown(path)
    if not path.is_file():
        yield Finding(shown, 1, "it is missing; it declares the SDK's versions, the features and the capabilities")
        return
    text = read_text(path)
    try:
        declared = read_plugin_toml(text.encode())
    except ManifestError as error:
        yield Finding(shown, _line(text, str(error)), str(error))
        return
    from meterhub_sdk import __version__
    from packaging.specifiers import SpecifierSet

    if not SpecifierSet(declared.sdk).contains(__version__, prereleases=True):
        message = f"sdk = {declared.sdk!r} leaves out {__version__}, the version that it is checked with; widen it"
        yield Finding(shown, line_of(text, "sdk"), message)


def _line(text: str, message: str) -> int:
    """Where in a ``plugin.toml`` the thing stands that an error's text is about."""
    if found := _TOML_LINE.search(message):
        return int(found[1])
    quoted = _QUOTED.findall(message)
    key = re.search(r"\b(?:limits\.)?(sdk|features|capabilities|memory|cpu)\b", message)
    return line_of(text, *quoted, *([key[1]] if key else []))


def _files(project: Project) -> Iterator[Finding]:
    for path in sorted(project.package_directory.rglob("*")):
        below = path.relative_to(project.source)
        if path.is_dir() or _is_clutter(below):
            continue
        try:
            check_path(below.as_posix())
        except ManifestError as error:
            yield Finding(project.shown(path), 1, str(error))


def _is_clutter(path: Path) -> bool:
    return path.suffix in (".pyc", ".pyo") or any(part == "__pycache__" or part.startswith(".") for part in path.parts)
