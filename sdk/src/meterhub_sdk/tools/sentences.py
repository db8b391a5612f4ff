"""Sentences for people in source code: what exceptions, faults and answers say, found without running anything.

A sentence with values in it becomes a template as translations have it: ``f"{self.point} is read-only"`` is found
as ``{point} is read-only``. A value that has no name of its own is numbered: ``{1}``. What a function returns is found
where the exception is given its result, or where the function is named as one that ``says`` something; so are the rows
of a table of the module that is looked up there, and the names of counters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from meterhub_sdk.tools.project import read_text

_SDK = {"ConfigError", "Forbidden", "Invalid", "MeterhubError", "NotDone", "NotFound", "NotLoggedIn", "NotReady"}
RAISED = frozenset({*_SDK, "ManifestError", "OverflowError", "Refused", "Unacceptable", "UnitMismatch", "ValueError"})
"""Exceptions whose texts are for people; a package adds those that it derives from them."""

SHOWN = frozenset({"action", "because", "detail", "message", "problem", "reason", "title"})
"""Keyword arguments whose texts are for people: they become fields of answers."""

COUNTERS = "counters"
"""The keyword argument whose names are shown: those of what a conversion counts."""

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_WORD = re.compile(r"[A-Za-z]{2}")


def sentences(package: Path, skip: Iterable[str] = (), says: Iterable[str] = (), shown: Iterable[str] = ()) -> set[str]:
    """The sentences in all modules below a directory.

    ``skip`` are patterns of files (``codec/*.py``, below ``package``) and of exception classes left out; ``says`` are
    names of functions whose results are for people, ``shown`` of exceptions and functions whose arguments are.
    """
    patterns = list(skip)
    files = [path for path in sorted(package.rglob("*.py")) if not _skipped(patterns, path, package)]
    trees = [ast.parse(read_text(path)) for path in files]
    raised = {name for name in _raised(trees, shown) if not any(fnmatch(name, pattern) for pattern in patterns)}
    return {text for tree in trees for text in _Module(tree, raised, set(says)).sentences()}


def _skipped(patterns: list[str], path: Path, package: Path) -> bool:
    below = path.relative_to(package).as_posix()
    return any(fnmatch(below, pattern) for pattern in patterns)


def _raised(trees: list[ast.Module], shown: Iterable[str]) -> set[str]:
    """The known exceptions and all that derive from them by name, in as many steps as it takes."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {*RAISED, *shown}
    while more := {c.name for c in classes if c.name not in found and found & {_name(base) for base in c.bases}}:
        found |= more
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Module:
    """One module: ``names`` are its constants, and within a function what is assigned there."""

    def __init__(self, tree: ast.Module, raised: set[str], says: set[str]) -> None:
        self._tree = tree
        self._raised = raised
        self._constants = _assigned(tree.body)
        self._functions = {node.name: node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}
        self._says = says & self._functions.keys()

    def sentences(self) -> Iterator[str]:
        """All that this module says to people."""
        inner: set[ast.AST] = set()
        for node in ast.walk(self._tree):
            if isinstance(node, _FUNCTIONS) and node not in inner:
                inner.update(ast.walk(node))
                names = {**self._constants, **_assigned(list(ast.walk(node)))}
                yield from self._calls(ast.walk(node), names)
        yield from self._calls((node for node in ast.walk(self._tree) if node not in inner), self._constants)
        for name in sorted(self._says):
            yield from self._returned(name)

    def _calls(self, nodes: Iterable[ast.AST], names: dict[str, list[ast.expr]]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.Call):
                said: list[ast.expr] = [word.value for word in node.keywords if word.arg in SHOWN]
                said += (key for word in node.keywords if word.arg == COUNTERS for key in _keys(word.value))
                if _name(node.func) in self._raised | {"Fault"}:
                    said += node.args
                for value in said:
                    yield from _templates(value, names)
                    if isinstance(value, ast.Call) and _name(value.func) in self._functions:
                        self._says.add(_name(value.func))

    def _returned(self, function: str) -> Iterator[str]:
        nodes = list(ast.walk(self._functions[function]))
        names = {**self._constants, **_assigned(nodes)}
        for node in nodes:
            if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                for value in node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]:
                    yield from _templates(value, names)


def _keys(value: ast.expr) -> list[ast.expr]:
    return [key for key in value.keys if key is not None] if isinstance(value, ast.Dict) else []


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _templates(value: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The sentences that an expression may be; a name stands for what was assigned to it."""
    if isinstance(value, ast.IfExp):
        yield from _templates(value.body, names)
        yield from _templates(value.orelse, names)
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from _templates(part, names)
    elif found := _looked_up(value, names):
        for each in found:
            yield from _templates(each, {})
    elif isinstance(value, ast.Name):
        for assigned in names.get(value.id, []):
            if not isinstance(assigned, ast.Name | ast.IfExp):
                yield from _templates(assigned, names)
            elif isinstance(assigned, ast.IfExp):
                yield from _templates(assigned, {})
    elif (text := _template(value)) and _WORD.search(re.sub(r"\{\w+\}", "", text)) and (" " in text or "{" not in text):
        yield text
        for place in _parts(value):
            if isinstance(place, ast.Name):
                yield from (part for part in _templates(place, names) if part.count(" ") > 1)


def _looked_up(value: ast.expr, names: dict[str, list[ast.expr]]) -> list[ast.expr]:
    """What a table of the module may hold: ``TABLE[key]`` or ``TABLE.get(key, otherwise)``."""
    if isinstance(value, ast.Subscript):
        table, otherwise = value.value, []
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get":
        table, otherwise = value.func.value, value.args[1:]
    else:
        return []
    known = names.get(table.id, []) if isinstance(table, ast.Name) else []
    rows = [row for each in known if isinstance(each, ast.Dict) for row in each.values]
    return [*rows, *otherwise] if rows else []


def _template(value: ast.expr) -> str:
    """The template of a text; empty for what is none."""
    taken: dict[str, int] = {}
    parts = list(_parts(value))
    if not any(isinstance(part, str) for part in parts):
        return ""
    return "".join(part if isinstance(part, str) else f"{{{_place(part, taken)}}}" for part in parts)


def _parts(value: ast.expr) -> Iterator[str | ast.expr]:
    """Literal pieces and the expressions between them."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.JoinedStr):
        for part in value.values:
            yield from _parts(part)
    elif isinstance(value, ast.FormattedValue):
        yield value.value
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        yield from _parts(value.left)
        yield from _parts(value.right)
    else:
        yield value


def _place(value: ast.expr, taken: dict[str, int]) -> str:
    """The name of a place: that of the value where it has one, and a number where it has none or is not alone."""
    name = _name(value).strip("_").lower()
    taken[name] = taken.get(name, 0) + 1
    return name + ("" if name and taken[name] == 1 else str(taken[name]))
