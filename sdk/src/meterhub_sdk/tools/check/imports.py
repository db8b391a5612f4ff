"""What a plugin may import: the SDK's public names, its own package, Python, and what it requires."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions

import meterhub_sdk
from meterhub_sdk.layout import normalise
from meterhub_sdk.tools.check.requirements import declared
from meterhub_sdk.tools.project import Project

Fault = tuple[int, str]
"""A line and one sentence."""

_SDK = "meterhub_sdk"
_PUBLIC = frozenset({*meterhub_sdk.__all__, "__version__"})


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
            elif node.module == _SDK:
                for alias in node.names:
                    if alias.name not in _PUBLIC:
                        yield node.lineno, _private(f"{_SDK}.{alias.name}")


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
    if module.startswith(f"{_SDK}.testing"):
        return f"{module} is for tests; use it below tests/ only"
    return None if module == _SDK else _private(module)


def _private(name: str) -> str:
    return f"{name} is private; import only names that {_SDK} itself exports"
