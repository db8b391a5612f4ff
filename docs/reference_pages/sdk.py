"""The SDK: hooks with their docstrings, and every public name."""

from __future__ import annotations

import ast
import enum
import functools
import importlib
import inspect
import operator
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ForwardRef, Union, get_args, get_origin

import meterhub_sdk
import meterhub_sdk.admission
import meterhub_sdk.serial
import meterhub_sdk.simulation
import meterhub_sdk.testing
import meterhub_sdk.tls
import meterhub_sdk.translator
from meterhub_sdk.hooks import ENTRY_POINT_GROUP, Hooks

from reference_pages.markdown import code, first_line, page, prose, table

_MODULES = (
    meterhub_sdk,
    meterhub_sdk.admission,
    meterhub_sdk.serial,
    meterhub_sdk.simulation,
    meterhub_sdk.testing,
    meterhub_sdk.tls,
    meterhub_sdk.translator,
)


def hook_names() -> list[str]:
    """The names of all hooks."""
    return [name for name in vars(Hooks) if name.startswith("meterhub_")]


def hooks_page() -> str:
    """Each hook with its signature and docstring."""
    parts = []
    for name in hook_names():
        hook = getattr(Hooks, name)
        returns = str(inspect.signature(hook).return_annotation)
        signature = f"@hookimpl\ndef {name}() -> {returns}: ..."
        parts.append(f"## {name}\n\n```python\n{signature}\n```\n\n{prose(inspect.getdoc(hook) or '')}")
    return page(
        "Hooks",
        f"A plugin is found by its entry point in the group {code(ENTRY_POINT_GROUP)}. Its module holds plain "
        "functions of these names, each marked with `hookimpl`. A hook registers and does nothing else: it is called "
        "once, in a "
        "process that may be short-lived and has no hub.",
        *parts,
    )


def names_page() -> str:
    """Every public name of the SDK and of its packages."""
    parts = []
    for module in _MODULES:
        homes = dict(_homes(module))
        parts.append(f"## {module.__name__}\n\n{prose(inspect.getdoc(module) or '')}")
        parts += [_name(name, getattr(module, name), homes.get(name, module.__name__)) for name in module.__all__]
    return page(
        "SDK",
        "What a plugin may import. Names that do not stand here are private and may change at any time.",
        *parts,
    )


def _name(name: str, thing: Any, home: str) -> str:
    if isinstance(thing, type):
        return _class(name, thing)
    if inspect.isfunction(thing):
        return f"### {name}\n\n{code(f'{name}{signature(thing)}')}\n\n{first_line(thing.__doc__)}"
    what = code(inspect.formatannotation(thing).replace("typing.", "")) if get_args(thing) else ""
    said = first_line(_said_below(home, name)) or ("" if what else first_line(type(thing).__doc__))
    return f"### {name}\n\n{said or what}"


def _class(name: str, thing: type) -> str:
    bases = [base.__name__ for base in thing.__bases__ if base.__module__.startswith("meterhub_sdk")]
    head = f"### {name}\n\n{f'A {code(bases[0])}. ' if bases else ''}{first_line(thing.__doc__)}"
    if issubclass(thing, enum.Enum):
        rows = [(code(member), code(repr(value.value))) for member, value in thing.__members__.items()]
        return f"{head}\n\n{table(('member', 'value'), rows)}"
    made = "" if issubclass(thing, Exception) or getattr(thing, "_is_protocol", False) else signature(thing)
    call = f"\n\n{code(f'{name}{made}')}" if "(" in made and not made.startswith("()") else ""
    rows = [(code(member), said) for member, said in members(thing) if said]
    return f"{head}{call}\n\n{table(('member', 'what it does'), rows)}"


def members(thing: type) -> Iterator[tuple[str, str]]:
    """The public methods and properties that a class defines itself, with the first paragraph of their docstrings."""
    for name, member in vars(thing).items():
        function = getattr(member, "__func__", member)
        if name.startswith("_") or not (inspect.isfunction(function) or isinstance(member, property)):
            continue
        if isinstance(member, property):
            yield name, first_line(member.__doc__)
        else:
            yield f"{name}{signature(function)}", first_line(function.__doc__)


def signature(thing: Any) -> str:
    """Parameters and result of something that can be called, as its source has them, without ``self``."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    kept = [
        parameter.replace(annotation=_Shown(_annotation(parameter.annotation)), default=_default(parameter.default))
        for name, parameter in found.parameters.items()
        if name not in ("self", "cls")
    ]
    returns = "" if isinstance(thing, type) else f" -> {_annotation(found.return_annotation)}"
    return f"{inspect.Signature(kept)}{returns}"


class _Shown:
    """Stands in a signature for a text that is to be shown without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _annotation(annotation: Any) -> str:
    annotation = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
    if annotation is inspect.Parameter.empty:
        return "Any"
    if isinstance(annotation, str):
        return annotation
    return inspect.formatannotation(bare(annotation)).replace("typing.", "")


def bare(hint: Any) -> Any:
    """A type without what pydantic notes about it, however deep that stands."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return bare(inner[0])
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(bare, inner))
    return origin[tuple(map(bare, inner))] if origin in (list, tuple, dict) else hint


def _default(default: Any) -> Any:
    if default is ...:
        return _Shown("...")
    return _Shown(f"{type(default).__name__}.{default.name}") if isinstance(default, enum.Enum) else default


def _homes(package: Any) -> Iterator[tuple[str, str]]:
    """Public name to the module that defines it, as the package imports them."""
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, node.module) for alias in node.names)


def _said_below(home: str, name: str) -> str:
    """The text that stands below the assignment of a name, as the documentation of an alias does."""
    tree = ast.parse(Path(str(importlib.import_module(home).__file__)).read_text("utf-8"))
    for assigned, following in zip(tree.body, tree.body[1:], strict=False):
        targets = [target.id for target in getattr(assigned, "targets", ()) if isinstance(target, ast.Name)]
        if name in targets and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            return str(following.value.value)
    return ""
