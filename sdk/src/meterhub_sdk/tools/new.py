"""``meterhub-sdk new``: a working, tested synthesizer to begin with."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from string import Template

import meterhub_sdk
from meterhub_sdk.hooks import ENTRY_POINT_GROUP
from meterhub_sdk.layout import ManifestError, check_packages
from meterhub_sdk.signing import NAME_LENGTH
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.reserved import is_first_party, service_fault
from packaging.version import Version

_NAME = re.compile(r"(?=.{1,64}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EXAMPLE = "acme-losses would be one"


def new_plugin(name: str, parent: Path, publisher: str = "") -> Path:
    """Write the plugin ``name`` into a new directory of that name below ``parent`` and return the directory.

    :class:`ToolError` when the name will not do or the directory exists; nothing is written then.
    """
    check_new_name(name)
    if publisher and not (len(publisher) <= NAME_LENGTH and publisher.isprintable()):
        raise ToolError(f"the publisher {publisher[:40]!r} is too long or not printable; give its trade name")
    target = parent / name
    if target.exists() or target.is_symlink():
        raise ToolError(f"{target} exists already; choose another name or another --dir")
    if not parent.is_dir():
        raise ToolError(f"the directory {parent} is not there; make it first")
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=parent) as staging:
        made = Path(staging) / name
        for path, text in _content(name, publisher).items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, "utf-8")
        made.rename(target)
    return target


def check_new_name(name: str) -> None:
    """:class:`ToolError` unless the name will do for a new plugin, its package, its service and its classes."""
    if not _NAME.fullmatch(name):
        raise ToolError(
            f"{name[:80]!r} is not the name of a plugin; use words of small letters and digits with hyphens between "
            f"them, {_EXAMPLE}"
        )
    if is_first_party(name):
        raise ToolError(f"{name} is kept for Meterhub's own plugins; begin with your own name, {_EXAMPLE}")
    if fault := service_fault(name, name):
        raise ToolError(fault)
    if keyword.iskeyword(name) or _class_name(name) in meterhub_sdk.__all__:
        raise ToolError(f"{name} means something in Python or in the SDK; begin with your own name, {_EXAMPLE}")
    package = name.replace("-", "_")
    try:
        check_packages([package])
    except ManifestError as error:
        raise ToolError(str(error)) from error
    if _is_anothers(name, package):
        raise ToolError(f"there is a package {package} here that is no plugin; choose another name, {_EXAMPLE}")


def _is_anothers(name: str, package: str) -> bool:
    """True when the package is installed and is not an earlier state of the same plugin."""
    if importlib.util.find_spec(package) is None:
        return False
    try:
        return not distribution(name).entry_points.select(group=ENTRY_POINT_GROUP)
    except PackageNotFoundError:
        return True


def _content(name: str, publisher: str) -> dict[str, str]:
    """Path to text of every file."""
    package = name.replace("-", "_")
    first, _, rest = name.partition("-")
    version = Version(meterhub_sdk.__version__)
    fields = {
        "name": name,
        "package": package,
        "type": _class_name(name),
        "feature": f"{first}.{rest}" if rest else first,
        "title": name.replace("-", " ").capitalize(),
        "names": f"{first}-*" if rest else name,
        "sdk": f">={version.major}.{version.minor},<{version.major + 1}",
        "authors": f"authors = [{{ name = {json.dumps(publisher, ensure_ascii=False)} }}]\n" if publisher else "",
        "by": f" by {publisher}" if publisher else "",
    }
    return {path: _filled(template, fields) for path, template in _files(package).items()}


def _files(package: str) -> dict[str, str]:
    """Path to template of every file."""
    return {
        ".gitignore": "gitignore.txt",
        "README.md": "README.md.txt",
        "pyproject.toml": "pyproject.toml.txt",
        f"src/{package}/__init__.py": "package.py.txt",
        f"src/{package}/plugin.toml": "plugin.toml.txt",
        f"src/{package}/py.typed": "",
        f"tests/test_{package}.py": "test_package.py.txt",
    }


def _filled(template: str, fields: dict[str, str]) -> str:
    if not template:
        return ""
    text = files("meterhub_sdk.tools").joinpath("templates", template).read_text("utf-8")
    return Template(text).substitute(fields)


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
