"""The configuration on disk, and what it needs from the machine: secrets and ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from meterhub_sdk import MeterhubError
from meterhub_sdk.checking import Need

from meterhub.config.document import Revision
from meterhub.config.editor import Editor
from meterhub.config.history import History
from meterhub.doctor.finding import Finding, bad, good, look
from meterhub.secret_box import SecretBox

_HISTORY = "configuration"


def check_revisions(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The revisions can be read, and the active one was confirmed."""
    history = _history(home)
    if history is None:
        yield good("configuration", "nothing was applied yet")
        return
    unreadable = [number for number in history.numbers() if _revision(history, number) is None]
    state = history.state
    for number in unreadable:
        hard = number in (state.active, state.confirmed)
        advice = "restore a backup: meterhub restore FILE" if hard else "remove the file: no start needs it"
        yield (bad if hard else look)("configuration", f"revision {number} cannot be read", advice)
    missing = {state.active, state.confirmed} - {0, *history.numbers()}
    for number in sorted(missing):
        yield bad("configuration", f"revision {number} is missing", "restore a backup: meterhub restore FILE")
    if state.active != state.confirmed:
        waits = f"revision {state.active} was not confirmed"
        advice = "keep it with: meterhub config confirm" if runs else f"the next start runs revision {state.confirmed}"
        yield look("configuration", waits, advice)
    elif not unreadable and not missing:
        yield good("configuration", f"revision {state.active} is active and confirmed")
    draft = Editor(home / _HISTORY / "draft.json").draft
    if draft is not None:
        yield look("configuration", f"{draft.editor} is in configuration mode", "meterhub config apply, or discard")


def check_secrets(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Every secret that the configuration names is set and can be read."""
    box = SecretBox(home, home / "secrets.key")
    closed = 0
    needs = list(_needs(home, "secret"))
    for service, need in needs:
        name = str(need.value)
        where = ".".join(map(str, [service, *need.path]))
        if name not in box.names():
            closed += 1
            yield bad("secrets", f"{where} names the secret {name!r}, which is not set", f"meterhub secret set {name}")
            continue
        try:
            box.get(name)
        except MeterhubError as error:
            closed += 1
            yield bad("secrets", str(error), f"meterhub secret set {name}")
    if not closed:
        yield good(
            "secrets", f"{len(needs)} secrets that the configuration names are set" if needs else "none is needed"
        )


def check_ports(home: Path, *, runs: bool) -> Iterator[Finding]:
    """No other program listens where the instance will."""
    needs = [(service, need) for kind in ("tcp", "udp") for service, need in _needs(home, kind)]
    if runs or not needs:
        return
    taken = 0
    for service, need in needs:
        holder = _holder(need)
        if holder is not None:
            taken += 1
            text = f"{need.kind.upper()} port {need.value} of {service} is in use by {holder}"
            yield bad("ports", text, "stop that program, or give the service another port")
    if not taken:
        yield good("ports", f"{len(needs)} ports that the configuration claims are free")


def _holder(need: Need) -> str | None:
    """The program that has a port; ``None`` when it is free."""
    for found in psutil.net_connections(need.kind):
        listens = need.kind == "udp" or found.status == psutil.CONN_LISTEN
        if listens and found.laddr and found.laddr.port == need.value:
            try:
                return psutil.Process(found.pid).name() if found.pid else "another program"
            except psutil.Error:
                return "another program"
    return None


def _needs(home: Path, kind: str) -> Iterator[tuple[str, Need]]:
    """What the sections of the revision that the next start runs claim, of one kind."""
    history = _history(home)
    revision = None if history is None else _revision(history, history.state.confirmed)
    for service, claims in revision.claims.items() if revision else ():
        for need in claims.needs:
            if need.kind == kind:
                yield service, need


def _history(home: Path) -> History | None:
    """The history, without making its directory as an instance does."""
    return History(home / _HISTORY) if (home / _HISTORY / "active.json").exists() else None


def _revision(history: History, number: int) -> Revision | None:
    try:
        return history.read(number)
    except (MeterhubError, OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
