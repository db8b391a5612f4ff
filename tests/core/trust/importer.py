"""Verifies and imports plugins the way a worker does: one forked process per line of its input.

Run by the tests as a program, so that nothing of pytest is in the way and what a plugin does stays here.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import site
import sys
from pathlib import Path
from typing import Any

import meterhub_sdk  # noqa: F401  plugins import it; before the path of a test is in front

from meterhub.trust import Candidate, TrustError, TrustStore, VerifiedFinder, verify_installed


def attempt(order: dict[str, Any]) -> dict[str, Any]:
    sys.dont_write_bytecode = True
    site.addsitedir(order["site"])
    sys.path[:0] = order["before"]
    if order["plain"]:
        entries = importlib.metadata.entry_points(group="meterhub.plugins")
        return outcome([*(entry.module for entry in entries), *order["modules"]])
    candidate = Candidate.from_message(order["candidate"])
    try:
        plugin = verify_installed(candidate, TrustStore.from_message(order["trust"]), order["local"])
        finder = VerifiedFinder()
        finder.add(plugin)
    except TrustError as error:
        return {"error": type(error).__name__, "text": str(error)}
    for path, text in order["swap"].items():
        Path(path).write_text(text)
    return outcome([*plugin.modules.values(), *order["modules"]])


def outcome(names: list[str]) -> dict[str, Any]:
    imported = {}
    for name in names:
        try:
            module = importlib.import_module(name)
            imported[name] = getattr(module, "ANSWER", None)
        except Exception as error:
            imported[name] = f"{type(error).__name__}: {error}"
    return {"error": None, "imported": imported}


def main() -> None:
    for line in sys.stdin:
        if child := os.fork():
            os.waitpid(child, 0)
            continue
        try:
            answer = attempt(json.loads(line))
        except BaseException as error:
            answer = {"error": "crash", "text": repr(error)}
        print(json.dumps(answer), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
