"""What a plugin may import: the SDK's public names, its own package, Python, and what it requires."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions

import meterhub_sdk
import meterhub_sdk.serial
from meterhub_sdk.layout import normalise
from meterhub_sdk.tools.check.requirements import declared
from meterhub_sdk.tools.project import Project

Fault = tuple[int, str]
"""A line and one sentence."""

_SDK = "meterhub_sdk"
_PUBLIC = {
    _SDK: frozenset({*meterhub_sdk.__all__, "__version__", "serial"}),
    f"{_SDK}.serial": frozenset(meterhub_sdk.serial.__all__),
}
"""Modules that a plugin may import, and their public names."""

_FOR_TESTS = (f"{_SDK}.testing", f"{_SDK}.simulation")


@dataclass(frozen=True, slots=True)
class Known:
    """What the imports of one plugin are held against; ``providers`` maps modules to the distributions here."""

    package: str
    required: frozenset[str]
    providers: Mapping[str, list[str]]

    @classmethod
    def of(cls, project: Project) -> Known:
        """What there is to know about a project."""
        return cls(project.package, frozenset(declared(project)), packages_distributions())

    def declares(self, module: str) -> bool:
        """True when a requirement brings the top-level module."""
        providers = {normalise(name) for name in (*self.providers.get(module, ()), module)}
        return not providers.isdisjoint(self.required)


def check(tree: ast.Module, known: Known) -> Iterator[Fault]:
    """Faults of the imports in one module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if fault := _fault(alias.name, known):
                    yield node.lineno, fault
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if fault := _fault(node.module or "", known):
                yield node.lineno, fault
            elif node.module in _PUBLIC:
                for alias in node.names:
                    if alias.name not in _PUBLIC[node.module]:
                        yield node.lineno, _private(f"{node.module}.{alias.name}")


def _fault(module: str, known: Known) -> str | None:
    top = module.partition(".")[0]
    if top in ("meterhub", _SDK):
        return _own_fault(module)
    if top == known.package or top in sys.stdlib_module_names:
        return None
    if top.startswith("meterhub_"):
        return f"{module} is another plugin; plugins meet only in the points that they publish"
    if not known.declares(top):
        return f"{top} comes with no requirement; add the distribution that brings it to dependencies, and install it"
    return None


def _own_fault(module: str) -> str | None:
    if module.partition(".")[0] == "meterhub":
        return f"{module} is the core, which a plugin never imports; use {_SDK}"
    if module.startswith(_FOR_TESTS):
        return f"{module} is for tests; use it below tests/ only"
    return None if module in _PUBLIC else _private(module)


def _private(name: str) -> str:
    return f"{name} is private; import only names that {' or '.join(_PUBLIC)} itself exports"
