"""Examines a home and the machine under it, and says what to do.

A check that fails itself is a finding too: the doctor is asked when things are broken.
"""

from __future__ import annotations

from pathlib import Path

from meterhub.control import NAME
from meterhub.doctor import configuration, files, identity, machine, plugins, running, stores
from meterhub.doctor.finding import Check, Finding, Verdict, bad, look
from meterhub.stopped import DATABASE, answers

__all__ = ["Finding", "Verdict", "examine"]

_OF_THE_HOME: tuple[tuple[str, Check], ...] = (
    ("home", files.check_home),
    ("files", files.check_files),
    ("identity", identity.check_identity),
    ("licences", identity.check_vendors),
    ("starts", files.check_starts),
    ("disk", files.check_disk),
    ("database", stores.check_database),
    ("event log", stores.check_events),
    ("service stores", stores.check_services),
    ("configuration", configuration.check_revisions),
    ("secrets", configuration.check_secrets),
    ("ports", configuration.check_ports),
    ("plugins", plugins.check_plugins),
)
_OF_THE_MACHINE: tuple[tuple[str, Check], ...] = (
    ("python", machine.check_python),
    ("sandbox", machine.check_sandbox),
    ("clock", machine.check_clock),
)


async def examine(home: Path) -> list[Finding]:
    """Every finding about ``home`` and this machine, in a sensible order."""
    runs = answers(home)
    findings: list[Finding] = []
    if (home / DATABASE).exists():
        for name, check in _OF_THE_HOME:
            findings += _asked(name, check, home, runs=runs)
        findings += await running.check(home) if runs else [running.stopped(home)]
    else:
        findings.append(_no_home(home))
    for name, check in _OF_THE_MACHINE:
        findings += _asked(name, check, home, runs=runs)
    return findings


def _no_home(home: Path) -> Finding:
    text = f"{home} has no {DATABASE}: no instance ever ran there"
    if home.exists() and any(path.name != NAME for path in home.iterdir()):
        return bad("home", text, "restore a backup if there was one, else give the right --home")
    return look("home", text, f"start one with: meterhub --home {home} run")


def _asked(name: str, check: Check, home: Path, *, runs: bool) -> list[Finding]:
    try:
        return list(check(home, runs=runs))
    except Exception as error:
        return [bad(name, f"this could not be examined: {error}", "mend that first, then ask the doctor again")]
