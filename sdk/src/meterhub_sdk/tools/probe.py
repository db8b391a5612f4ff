"""The program that imports a plugin to learn what it offers; see :mod:`meterhub_sdk.tools.describe`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

import msgspec
from meterhub_sdk.declaration import read_plugin_toml
from meterhub_sdk.description import Plugin
from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.check.offers import Offers
from meterhub_sdk.tools.describe import Answer, Order


def main() -> None:
    """Read an order, write the answer. What the plugin prints goes to the standard error instead."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        output.write(msgspec.json.encode(answer(order)))


def answer(order: Order) -> Answer:
    """Import the plugin, call its hooks, and check what they declare."""
    sys.path.insert(0, order.root)
    try:
        plugin = Plugin(order.label, [_imported(order, module) for module in order.modules])
        declared = read_plugin_toml((Path(order.root) / order.package / "plugin.toml").read_bytes())
        findings = list(Offers(plugin, Path(order.root), order.package, declared.features).check())
        return Answer(description=plugin.describe().encode().decode(), findings=findings)
    except (Exception, SystemExit) as error:
        return Answer(description=None, findings=[_trouble(order, error)])


def _imported(order: Order, name: str) -> ModuleType:
    module = importlib.import_module(name)
    if not Path(str(module.__file__)).is_relative_to(order.root):
        raise ImportError(f"{name} came from {module.__file__}; uninstall that copy, or give its package another name")
    return module


def _trouble(order: Order, error: BaseException) -> Finding:
    """The exception as a finding, at the deepest line of the plugin's own that it passed."""
    file, line = f"{order.modules[0].replace('.', '/')}.py", 1
    if not (Path(order.root) / file).is_file():
        file = f"{order.package}/__init__.py"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(order.root):
            file, line = path.relative_to(order.root).as_posix(), frame.lineno or 1
    said = " ".join(str(error).split()) or "no reason was given"
    return Finding(file, line, f"its hooks cannot be loaded: {type(error).__name__}: {said}")


if __name__ == "__main__":
    main()
