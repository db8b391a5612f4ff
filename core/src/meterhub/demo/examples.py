"""The configuration files of the demo, with free ports where the usual ones are taken."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

INSTANCES = ("meter-1", "meter-2", "gateway")
LISTENERS = {"dlms-server": "port", "modbus-server": "port", "iec104-server": "port", "http": "http_port"}
"""The services that listen, and the name of the setting that says where."""
_TRIED = 200

Document = dict[str, Any]
Endpoints = dict[str, dict[str, dict[str, Any]]]


def repository() -> Path | None:
    """The checkout that this program runs from, or ``None`` when it was installed from a wheel."""
    root = Path(__file__).resolve().parents[4]
    return root if (root / "docs" / "examples" / "gateway.json").is_file() else None


def read_examples() -> dict[str, Document]:
    """The configuration of each instance."""
    root = repository()
    files = root / "docs" / "examples" if root else resources.files("meterhub.demo") / "examples"
    found: dict[str, Document] = {}
    for name in INSTANCES:
        file = files / f"{name}.json"
        if not file.is_file():
            raise Refused(f"the demo's configuration {name}.json is missing from this installation")
        found[name] = json.loads(file.read_text("utf-8"))
    return found


@contextmanager
def ports_reserved() -> Iterator[None]:
    """While this holds, no other demo of this user chooses ports: they are free until the instances listen."""
    path = Path(tempfile.gettempdir()) / f"meterhub-demo-{os.getuid()}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def place(documents: dict[str, Document]) -> Endpoints:
    """Give every listener a port that is free now, tell the gateway where its meters are, list the listeners."""
    endpoints: Endpoints = {}
    taken: set[int] = set()
    moved: dict[int, int] = {}
    for name, document in documents.items():
        for service, setting in LISTENERS.items():
            section = document["services"].get(service)
            if section is None or setting not in section:
                continue
            host, usual = section.get("host", "127.0.0.1"), section[setting]
            section[setting] = moved[usual] = _free_port(host, usual, taken)
            endpoints.setdefault(name, {})[service] = {"host": host, "port": section[setting]}
    for meter in documents["gateway"]["services"]["dlms-client"]["meters"]:
        if "port" in meter:
            meter["port"] = moved[meter["port"]]
    return endpoints


def _free_port(host: str, usual: int, taken: set[int]) -> int:
    for port in range(usual, usual + _TRIED):
        if port not in taken and _is_free(host, port):
            taken.add(port)
            return port
    raise Refused(f"no TCP port from {usual} to {usual + _TRIED - 1} is free on {host}; stop what listens there")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return False
    return True
