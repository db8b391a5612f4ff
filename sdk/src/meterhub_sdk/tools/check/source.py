"""Every module of the package, by its syntax tree: nothing of it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from meterhub_sdk.tools.check import constructs, imports
from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.project import Project, read_text


def check(project: Project) -> Iterator[Finding]:
    """Findings in the source."""
    known = imports.Known.of(project)
    for path in sorted(project.package_directory.rglob("*.py")):
        shown = project.shown(path)
        try:
            tree = ast.parse(read_text(path), str(path))
        except SyntaxError as error:
            yield Finding(shown, error.lineno or 1, f"it is no Python: {error.msg}")
            continue
        except (ToolError, ValueError, RecursionError) as error:
            yield Finding(shown, 1, str(error))
            continue
        yield from (Finding(shown, line, message) for line, message in imports.check(tree, known))
        yield from (Finding(shown, line, message) for line, message in constructs.check(tree, _is_program(path)))


def _is_program(path: Path) -> bool:
    """True for what ``python -m`` runs: it has no event loop yet."""
    return path.name == "__main__.py"
