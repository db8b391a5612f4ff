"""Import plugins from the bytes that were verified, and from nowhere else.

No byte code is read or written. A name below a verified package that was not signed does not exist, whatever lies on
the disk.
"""

from __future__ import annotations

import io
import linecache
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import ExecutionLoader, MetaPathFinder, ResourceLoader
from importlib.machinery import ModuleSpec
from importlib.resources.abc import Traversable, TraversableResources
from importlib.util import decode_source
from os import PathLike, fspath
from pathlib import Path
from types import CodeType, ModuleType
from typing import IO, Any

from meterhub.trust.errors import Invalid, Modified
from meterhub.trust.verify import Verified


class VerifiedFinder(MetaPathFinder):
    """Answers for every name below a verified package; it keeps the first place on ``sys.meta_path``."""

    def __init__(self) -> None:
        self._owners: dict[str, Verified] = {}

    def add(self, plugin: Verified) -> None:
        """Make a plugin importable.

        ``Modified`` when something of its package was imported before it was verified, ``Invalid`` when another
        plugin has a package of that name.
        """
        label = plugin.manifest.name
        for package in plugin.manifest.packages:
            if package in self._owners:
                raise Invalid(label, f"the package {package} belongs to {self._owners[package].manifest.name}")
            if any(name.partition(".")[0] == package for name in list(sys.modules)):
                raise Modified(label, f"{package} was imported before it was verified")
        self._owners.update(dict.fromkeys(plugin.manifest.packages, plugin))
        if sys.meta_path[:1] != [self]:
            self.remove()
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Leave ``sys.meta_path``; what was imported stays."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a signed module; ``ModuleNotFoundError`` for an unsigned one below a verified package."""
        plugin = self._owners.get(fullname.partition(".")[0])
        if plugin is None:
            return None
        base = fullname.replace(".", "/")
        for name, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if name in plugin.content:
                loader = VerifiedLoader(plugin, name)
                spec = ModuleSpec(fullname, loader, origin=loader.get_filename(fullname), is_package=is_package)
                spec.has_location = True
                if is_package:
                    spec.submodule_search_locations = []  # nobody is to look on the disk
                return spec
        # Returning None would let Python's own finder load a planted file.
        raise ModuleNotFoundError(
            f"{fullname!r} is not part of the signed plugin {plugin.manifest.name}", name=fullname
        )


class VerifiedLoader(ExecutionLoader, ResourceLoader):
    """Loads one module; its file name is the real one, so tracebacks and debuggers know where it is."""

    def __init__(self, plugin: Verified, name: str) -> None:
        self._plugin = plugin
        self._name = name

    def is_package(self, fullname: str) -> bool:
        """True for an ``__init__.py``."""
        return self._name.endswith("/__init__.py")

    def get_filename(self, fullname: str) -> str:
        """Where the file lies; it is not read from there."""
        return str(self._plugin.root / self._name)

    def get_source(self, fullname: str) -> str:
        """The verified source as text."""
        return decode_source(self._plugin.content[self._name])

    def get_code(self, fullname: str) -> CodeType:
        """The verified source, compiled."""
        filename = self.get_filename(fullname)
        code = self.source_to_code(self._plugin.content[self._name], filename)
        # Tracebacks are to show the text that runs, even when the file changes or the sandbox hides it.
        text = self.get_source(fullname)
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        return code

    def get_data(self, path: str) -> bytes:
        """A signed file, for :func:`pkgutil.get_data`; ``OSError`` for any other."""
        try:
            return self._plugin.content[Path(path).relative_to(self._plugin.root).as_posix()]
        except (ValueError, KeyError):
            raise FileNotFoundError(f"{path} is not part of the signed plugin {self._plugin.manifest.name}") from None

    def get_resource_reader(self, fullname: str) -> TraversableResources:
        """The signed files below a package, for :mod:`importlib.resources`."""
        return _Resources(self._plugin, fullname.replace(".", "/"))


class _Resources(TraversableResources):
    def __init__(self, plugin: Verified, base: str) -> None:
        self._plugin = plugin
        self._base = base

    def files(self) -> Traversable:
        return _Node(self._plugin, self._base)


class _Node(Traversable):
    """A directory or file among the verified bytes."""

    def __init__(self, plugin: Verified, path: str) -> None:
        self._plugin = plugin
        self._path = path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        return self._path in self._plugin.content

    def is_dir(self) -> bool:
        return any(path.startswith(f"{self._path}/") for path in self._plugin.content)

    def iterdir(self) -> Iterator[Traversable]:
        prefix = f"{self._path}/"
        below = {path[len(prefix) :].partition("/")[0] for path in self._plugin.content if path.startswith(prefix)}
        return iter([_Node(self._plugin, prefix + name) for name in sorted(below)])

    def joinpath(self, *descendants: str | PathLike[str]) -> Traversable:
        return _Node(self._plugin, "/".join([self._path, *(fspath(name) for name in descendants)]))

    def __truediv__(self, child: str | PathLike[str]) -> Traversable:
        return self.joinpath(child)

    def read_bytes(self) -> bytes:
        try:
            return self._plugin.content[self._path]
        except KeyError:
            raise FileNotFoundError(f"{self._path} is not part of {self._plugin.manifest.name}") from None

    def read_text(self, encoding: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        data = io.BytesIO(self.read_bytes())
        return data if "b" in mode else io.TextIOWrapper(data, *args, **{"encoding": "utf-8", **kwargs})
