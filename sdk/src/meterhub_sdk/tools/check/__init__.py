"""The rules for plugins: first by reading the source, then, when nothing was found, by what its hooks declare."""

from __future__ import annotations

from pathlib import Path

from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.project import Project, read_project

__all__ = ["Finding", "check_plugin"]


def check_plugin(directory: Path) -> list[Finding]:
    """Everything to mend in the plugin of a checkout; ``ToolError`` where there is none.

    Its code is imported, in a process of its own, only after reading it gave no finding.
    """
    project = read_project(directory)
    return sorted(set(_static(project) or _loaded(project)))


def _static(project: Project) -> list[Finding]:
    from meterhub_sdk.tools.check import metadata, requirements, source

    findings = [*metadata.check(project), *requirements.check(project)]
    if project.package:
        findings += source.check(project)
    return findings


def _loaded(project: Project) -> list[Finding]:
    from meterhub_sdk.tools.describe import load

    answer = load(project.name, project.source, project.package, project.modules)
    return [Finding(project.shown(project.source / found.file), found.line, found.message) for found in answer.findings]
