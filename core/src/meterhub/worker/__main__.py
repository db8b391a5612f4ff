"""``python -I -m meterhub.worker FD``: verify, shut the sandbox, import, serve the core."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType

from meterhub_sdk.description import Plugin

from meterhub import sandbox
from meterhub.trust import Candidate, TrustError, TrustStore, Verified, VerifiedFinder, verify_installed
from meterhub.worker.launch import Launch, LaunchSandbox, receive_launch, send_failure
from meterhub.worker.program import Program

_log = logging.getLogger("meterhub.worker")


def main() -> int:
    """The life of a worker; 3 when it could not begin."""
    gc.disable()  # what an import makes is here to stay
    sock = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    launch = receive_launch(sock)
    try:
        verified = _verify(launch)
    except TrustError as error:
        send_failure(sock, "trust", error.distribution, str(error))
        return 3
    report = sandbox.apply(_profile(launch.sandbox, verified), core=launch.sandbox.core)
    label = launch.name
    try:
        plugins = []
        for plugin in verified:
            label = plugin.manifest.name
            plugins.append(Plugin(label, _import(plugin)))
    except Exception as error:
        _log.exception("%s cannot be imported", label)
        send_failure(sock, "import", label, f"{label} cannot be imported: {type(error).__name__}: {error}")
        return 3
    gc.freeze()
    gc.enable()
    program = Program(plugins, {"enforced": list(report.enforced), "missing": list(report.missing)})
    asyncio.run(program.run(sock))
    return 0


def _verify(launch: Launch) -> list[Verified]:
    trust = TrustStore.from_message(launch.trust)
    verified = [
        verify_installed(Candidate.from_message(item.candidate), trust, item.local) for item in launch.distributions
    ]
    finder = VerifiedFinder()
    for plugin in verified:
        finder.add(plugin)
    return verified


def _import(plugin: Verified) -> list[ModuleType]:
    return [importlib.import_module(module) for module in plugin.modules.values()]


def _profile(granted: LaunchSandbox, verified: list[Verified]) -> sandbox.Profile:
    own = tuple(plugin.root / package for plugin in verified for package in plugin.manifest.packages)
    return sandbox.Profile(
        read=(
            *sandbox.python_paths(network=granted.network, exclude=Path(granted.home)),
            *own,
            *map(Path, granted.read),
        ),
        write=tuple(Path(path) for path in granted.write),
        network=granted.network,
        serial=tuple(Path(path) for path in granted.serial),
        memory=granted.memory,
        processes=granted.processes,
    )


if __name__ == "__main__":
    sys.exit(main())
