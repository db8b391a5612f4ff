"""Runs a few lines inside a sandboxed process of their own and brings back what they found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import meterhub
from meterhub.sandbox import landlock

# Not 65534, which is also what the kernel shows for an identity that a user namespace does not map.
ORDINARY = 65533
SOURCES = Path(meterhub.__file__).parent.parent

PRELUDE = """
import errno, json, os, sys
from pathlib import Path
from meterhub.sandbox import Profile, apply, kernel, landlock, namespace, python_paths

given = json.loads(sys.argv[1])
own, outside = Path(given["own"]), Path(given["outside"])

def paths(name):
    return tuple(Path(path) for path in given["profile"].pop(name, ()))

def confine():
    read = (*python_paths(network=given["profile"].get("network", False)), *paths("read"))
    write, serial = (own, *paths("write")), paths("serial")
    settings = {"network": False, "memory": None} | given["profile"]
    return apply(Profile(read=read, write=write, serial=serial, **settings), core=os.getppid())

def attempt(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def answer(**found):
    print(json.dumps(found), flush=True)
"""


def _run(user: int | None, python: str, script: Path, message: str, pass_fds: tuple[int, ...]) -> Any:
    identity: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(
        [python, "-P", str(script), message],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        pass_fds=pass_fds,
        env={"PYTHONPATH": str(SOURCES), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        **identity,
    )


@dataclass
class Bench:
    """A directory of the worker's own, a place outside with a secret in it, and an interpreter."""

    place: Path
    python: str = sys.executable
    user: int | None = None
    own: Path = field(init=False)
    outside: Path = field(init=False)
    secret: Path = field(init=False)

    def __post_init__(self) -> None:
        self.own, self.outside = self.place / "own", self.place / "outside"
        self.secret = self.outside / "secret"
        for directory in (self.own, self.outside):
            directory.mkdir()
        self.secret.write_text("the meter's key")
        if self.user is not None:
            for path in (self.own, self.outside, self.secret):
                os.chown(path, self.user, self.user)

    def script(self, body: str) -> Path:
        path = self.place / "script.py"
        path.write_text(PRELUDE + textwrap.dedent(body))
        return path

    def message(self, **profile: Any) -> str:
        return json.dumps({"own": str(self.own), "outside": str(self.outside), "profile": profile}, default=str)

    def run(self, body: str, *, pass_fds: tuple[int, ...] = (), **profile: Any) -> Any:
        done = _run(self.user, self.python, self.script(body), self.message(**profile), pass_fds)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def inside(self, body: str, *, before: str = "", **profile: Any) -> Any:
        """What the lines answer after the sandbox is closed; `before` runs while it is open."""
        return self.run(f"{before}\nreport = confine()\n{textwrap.dedent(body)}", **profile)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="sandbox-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def bench(place: Path) -> Bench:
    return Bench(place)


@pytest.fixture(params=["the user of the tests", "an ordinary user"])
def anyone(request: pytest.FixtureRequest, place: Path) -> Bench:
    """The bench as whoever runs the tests and, where that is root, as an ordinary user too."""
    if request.param == "the user of the tests":
        return Bench(place)
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    return Bench(place, python=ordinary_python(place), user=ORDINARY)


def ordinary_python(place: Path) -> str:
    """A Python that the ordinary user can run, with the core's sources."""
    probe = place / "probe.py"
    probe.write_text("import sys; assert sys.version_info >= (3, 11); import meterhub.sandbox")
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if _run(ORDINARY, python, probe, "", ()).returncode == 0:
                return python
        except OSError:
            continue
    pytest.skip("no Python 3.11 and checkout that an ordinary user can read")


def landlock_abi() -> int:
    try:
        return landlock.abi()
    except OSError:
        return 0


@pytest.fixture
def files_confined() -> None:
    if landlock_abi() < 6:
        pytest.skip(f"the kernel has Landlock ABI {landlock_abi()}, the test needs 6")
