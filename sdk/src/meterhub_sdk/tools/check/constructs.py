"""What no plugin does: each of these goes past the check of the signature, or stops the worker."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

_CHILD = (
    "would import the plugin past the check of its signature in another process; "
    "use asyncio.to_thread, or a second service"
)
_LOOP = "stops the worker, which has a running event loop; await instead"
_DISK = "leads to the disk, past the check of the signature; use importlib.resources.files(__package__)"

USES: Mapping[str, str] = {
    "asyncio.run": _LOOP,
    "asyncio.Runner": _LOOP,
    "concurrent.futures.ProcessPoolExecutor": _CHILD,
    "concurrent.futures.process.ProcessPoolExecutor": _CHILD,
}


def check(tree: ast.Module, is_program: bool = False) -> Iterator[tuple[int, str]]:
    """Line and sentence of each such thing in one module; a program may start an event loop."""
    names = _bindings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(module.partition(".")[0] == "multiprocessing" for module in modules):
                yield node.lineno, f"multiprocessing {_CHILD}"
        elif isinstance(node, ast.Name | ast.Attribute):
            last = node.id if isinstance(node, ast.Name) else node.attr
            used = _dotted(node, names)
            reason = _DISK if last == "__file__" else USES.get(used)
            if last == "run_until_complete":
                reason = _LOOP
            if reason is not None and not (is_program and reason is _LOOP):
                yield node.lineno, f"{used if used in USES else last} {reason}"


def _bindings(tree: ast.Module) -> dict[str, str]:
    """What the names that imports bind stand for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value, names)):
        return f"{base}.{node.attr}"
    return ""
