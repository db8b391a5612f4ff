"""Import a plugin in a process of its own, and learn what it offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.errors import ToolError

TIMEOUT = 60.0
"""Seconds; hooks register and do nothing else."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to import: ``modules`` of a package that lies in the directory ``root``."""

    label: str
    root: str
    package: str
    modules: list[str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: the encoded description, or findings that tell why there is none, or what to mend."""

    description: str | None
    findings: list[Finding]


def load(label: str, root: Path, package: str, modules: list[str]) -> Answer:
    """The answer of the process, or :class:`ToolError` when it gave none."""
    order = Order(label=label, root=str(root), package=package, modules=modules)
    command = [sys.executable, "-I", "-B", "-m", "meterhub_sdk.tools.probe"]
    try:
        done = subprocess.run(
            command, input=msgspec.json.encode(order), capture_output=True, timeout=TIMEOUT, check=False, cwd=root
        )
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"{package} was not imported within {TIMEOUT:g} s; let hooks register and do nothing else"
        ) from None
    try:
        return msgspec.json.decode(done.stdout, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason was given"])[-1]
        raise ToolError(f"the process that imported {package} ended with status {done.returncode}: {last}") from None
