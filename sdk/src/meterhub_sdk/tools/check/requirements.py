"""What a plugin requires must leave the core and the SDK as they are.

All plugins of an installation share one environment, so a requirement that pins a library of the core's would take
the installation down with the next update.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from meterhub_sdk.layout import normalise
from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.project import Project
from meterhub_sdk.tools.reserved import PREFIX, is_first_party
from packaging.requirements import InvalidRequirement, Requirement

_PYPROJECT = "pyproject.toml"
_SDK = "meterhub-sdk"


def check(project: Project) -> Iterator[Finding]:
    """Findings about the requirements."""
    shared = shared_versions()
    names: set[str] = set()
    for text in project.requirements():
        line = project.line(f'"{text}"', f"'{text}'", text)
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            yield Finding(_PYPROJECT, line, f"the requirement {text[:80]!r} cannot be read; pyserial>=3.5 would do")
            continue
        names.add(name := normalise(requirement.name))
        if fault := _fault(name, requirement, shared):
            yield Finding(_PYPROJECT, line, fault)
    if _SDK not in names:
        message = f"the requirement {_SDK} is missing; add one such as {_SDK}>=0.1,<1 to dependencies"
        yield Finding(_PYPROJECT, project.line("dependencies", "[project]"), message)


def shared_versions() -> dict[str, str]:
    """The packages that the SDK, and the core where it is installed, require, each with its version here."""
    found: dict[str, str] = {_SDK: version(_SDK)}
    for distribution in (_SDK, PREFIX):
        try:
            texts = requires(distribution) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, texts):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                try:
                    found[normalise(requirement.name)] = version(requirement.name)
                except PackageNotFoundError:
                    continue
    return found


def declared(project: Project) -> set[str]:
    """The normalised names of everything that the project requires."""
    names: set[str] = set()
    for text in project.requirements():
        try:
            names.add(normalise(Requirement(text).name))
        except InvalidRequirement:
            continue
    return names


def _fault(name: str, requirement: Requirement, shared: dict[str, str]) -> str | None:
    if name == PREFIX:
        return f"a plugin never requires the core; require {_SDK} instead"
    if is_first_party(name) and name != _SDK:
        return f"{name} is another plugin; plugins meet in the points that they publish and require only {_SDK}"
    if name not in shared:
        return None
    wanted = f"a range that admits {shared[name]}, such as {name}>={'.'.join(shared[name].split('.')[:2])}"
    if requirement.url is not None:
        return f"{name} is required from an address, but the core and the SDK use it too; give {wanted}"
    pins = [s for s in requirement.specifier if s.operator == "===" or (s.operator == "==" and s.version[-2:] != ".*")]
    if pins:
        return f"{name}{pins[0]} pins a package that the core and the SDK use too; give {wanted}"
    if not requirement.specifier.contains(shared[name], prereleases=True):
        return f"{name}{requirement.specifier} leaves out what the core and the SDK run with here; give {wanted}"
    return None
