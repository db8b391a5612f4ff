"""The SDK's public names and signatures are those on record.

Others build on them. To change one on purpose: ``python tests/sdk/test_public_names.py --record``, a line in
CHANGELOG.md, and a new version of the SDK.
"""

from __future__ import annotations

import enum
import functools
import inspect
import operator
import sys
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

RECORD = Path(__file__).with_name("public_names.txt")
MODULES = (
    meterhub_sdk,
    meterhub_sdk.admission,
    meterhub_sdk.serial,
    meterhub_sdk.simulation,
    meterhub_sdk.testing,
    meterhub_sdk.tls,
    meterhub_sdk.translator,
)
CHANGED = (
    "public names of the SDK changed; if that is what you want, run: python tests/sdk/test_public_names.py --record, "
    "write a line in CHANGELOG.md and raise the version of the SDK"
)


def lines() -> list[str]:
    """One line for each public name and for each public member of a public class."""
    return [
        line
        for module in MODULES
        for name in module.__all__
        for line in described(f"{module.__name__}.{name}", getattr(module, name))
    ]


def described(name: str, thing: Any) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield f"{name}{signature(thing)}" if inspect.isroutine(thing) else f"{name}: {alias(thing)}"
        return
    bases = ", ".join(base.__name__ for base in thing.__bases__ if base.__module__.startswith("meterhub_sdk"))
    if issubclass(thing, enum.Enum):
        members = ", ".join(f"{member.name}={member.value!r}" for member in thing.__members__.values())
        yield f"{name}: {members}"
        return
    made = "" if issubclass(thing, Exception) or getattr(thing, "_is_protocol", False) else signature(thing)
    yield f"{name}{made}{f' < {bases}' if bases else ''}"
    for member, value in sorted(vars(thing).items()):
        function = getattr(value, "__func__", value)
        if not member.startswith("_") and inspect.isfunction(function):
            yield f"{name}.{member}{signature(function)}"
        elif not member.startswith("_") and isinstance(value, property):
            yield f"{name}.{member}"


def signature(thing: Any) -> str:
    found = inspect.signature(thing)
    kept = [shown(parameter) for name, parameter in found.parameters.items() if name not in ("self", "cls")]
    returns = inspect.Signature.empty if inspect.isclass(thing) else found.return_annotation
    return f"({', '.join(kept)}){'' if returns is inspect.Signature.empty else f' -> {annotation(returns)}'}"


def shown(parameter: inspect.Parameter) -> str:
    stars = "*" * ((parameter.kind is parameter.VAR_POSITIONAL) + 2 * (parameter.kind is parameter.VAR_KEYWORD))
    kind = " (by name)" if parameter.kind is parameter.KEYWORD_ONLY else ""
    default = "" if parameter.default is parameter.empty else f" = {plain(parameter.default)}"
    return f"{stars}{parameter.name}: {annotation(parameter.annotation)}{default}{kind}"


def annotation(hint: Any) -> str:
    hint = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
    if isinstance(hint, str):
        return hint
    return "Any" if hint is inspect.Parameter.empty else inspect.formatannotation(bare(hint))


def bare(hint: Any) -> Any:
    """A type without what pydantic notes about it, however deep that stands."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return bare(inner[0])
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(bare, inner))
    return origin[tuple(map(bare, inner))] if origin in (list, tuple, dict) else hint


def plain(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    return "..." if value is ... else repr(value)


def alias(thing: Any) -> str:
    return annotation(thing) if get_args(thing) else type(thing).__name__


def test_public_names_are_those_on_record() -> None:
    recorded = RECORD.read_text("utf-8").splitlines()
    now = lines()
    gone = [f"- {line}" for line in recorded if line not in now]
    new = [f"+ {line}" for line in now if line not in recorded]
    assert gone + new == [], CHANGED


def test_all_names_are_sorted_and_exist() -> None:
    for module in (meterhub_sdk, meterhub_sdk.testing):
        assert sorted(module.__all__) == module.__all__
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        RECORD.write_text("".join(f"{line}\n" for line in lines()), "utf-8")
    else:
        print(*lines(), sep="\n")
