"""The machine under the instance: Python, what of the sandbox its kernel enforces, and its clock."""

from __future__ import annotations

import json
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from meterhub.doctor.finding import Finding, bad, good, look

OLDEST_PYTHON = (3, 11)
SANE_SINCE = 1_704_067_200
"""2024-01-01 UTC: a clock that shows an earlier time was never set."""
_KEEPERS = frozenset({"systemd-timesyncd", "systemd-timesyn", "chronyd", "ntpd", "openntpd", "ntpsec", "ptp4l", "gpsd"})
_WITHIN = 20.0
# As for a synthesizer: everything closed. It runs in a process of its own, because it cannot be taken back.
_TRY = (
    "import json\n"
    "from meterhub.sandbox import Profile, apply\n"
    "report = apply(Profile(read=(), write=(), network=False, serial=(), memory=None))\n"
    "print(json.dumps([report.enforced, report.missing]))\n"
)


def check_python(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The interpreter."""
    text = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    if sys.version_info < OLDEST_PYTHON:
        yield bad("python", text, f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")
    else:
        yield good("python", text)


def check_sandbox(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Which walls of a worker this kernel puts up: found by putting them up."""
    tried = subprocess.run([sys.executable, "-I", "-c", _TRY], capture_output=True, timeout=_WITHIN, check=False)
    if tried.returncode:
        said = tried.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"exit status {tried.returncode}"
        yield bad("sandbox", f"the sandbox cannot be tried: {reason}", "reinstall meterhub; no worker can start")
        return
    enforced, missing = json.loads(tried.stdout)
    for sentence in missing:
        yield look("sandbox", sentence, "plugins are less confined than they could be; a newer kernel would do more")
    if not missing:
        walls = dict.fromkeys(sentence.partition(":")[0] for sentence in enforced)
        yield good("sandbox", f"this kernel confines workers in {len(walls)} ways: {', '.join(walls)}")


def check_clock(home: Path, *, runs: bool) -> Iterator[Finding]:
    """It shows a time that can be right, and some program keeps it so."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < SANE_SINCE:
        yield bad("clock", f"the clock shows {shown}", "set it; readings and events carry its time")
        return
    keepers = sorted(_KEEPERS & {process.info["name"] for process in psutil.process_iter(["name"])})
    if keepers:
        yield good("clock", f"the clock shows {shown} and is kept by {', '.join(keepers)}")
    else:
        text = f"the clock shows {shown}, and no program is known to keep it right"
        yield look("clock", text, "install chrony or systemd-timesyncd, or see that something else keeps it")
