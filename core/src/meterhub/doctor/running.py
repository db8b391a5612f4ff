"""What a running instance says of itself, and whether something holds the lock of one that does not answer."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meterhub_sdk import MeterhubError

from meterhub.cli.client import connected
from meterhub.doctor.finding import Finding, bad, good, look
from meterhub.stopped import LOCK


async def check(home: Path) -> list[Finding]:
    """Ask the instance for its mode, its services and its event log."""
    try:
        async with connected(home) as client:
            instance = await client.get("/status/instance")
            services = (await client.get("/status/services"))["services"]
            verified = await client.post("/command/event-log/verify")
    except MeterhubError as error:
        return [bad("instance", f"the instance does not answer: {error}", "see meterhub logs; restart it")]
    return [_instance(instance), *_services(services), *_events(verified)]


def stopped(home: Path) -> Finding:
    """Nobody listens: it is stopped, or starts or stops at this moment, or hangs."""
    try:
        descriptor = os.open(home / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return good("instance", "no instance runs")
    try:
        # Shared and given back at once: nothing but a start in this very moment could notice.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = "a program holds the lock of the home and does not answer"
        return bad("instance", text, "wait if it is just starting or stopping, else end it")
    finally:
        os.close(descriptor)
    return good("instance", "no instance runs")


def _instance(instance: dict[str, Any]) -> Finding:
    text = f"{instance['serial']} runs version {instance['version']} in {instance['mode']} mode"
    if instance["mode"] != "normal":
        advice = "remove the plugin that makes it crash (meterhub events --log fatal-errors), then restart it"
        return bad("instance", text, advice)
    return good("instance", text)


def _services(services: list[dict[str, Any]]) -> Iterator[Finding]:
    idle = [service for service in services if service["state"] != "running"]
    for service in idle:
        text = f"{service['name']} is {service['state']}" + (f": {service['detail']}" if service["detail"] else "")
        yield look("services", text, "mend what it says; meterhub logs tells more")
    if services and not idle:
        yield good("services", f"{len(services)} services run")


def _events(verified: dict[str, Any]) -> Iterator[Finding]:
    for fault in verified["faults"][:5]:
        yield bad("event log", fault, "keep a copy of core.db and find out who had access to it")
    if verified["good"]:
        yield good("event log", "the event log is what was recorded")
