"""Homes with real instances in processes of their own, and the command line in this one."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meterhub.cli import main, output


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its answer as JSON."""
        assert self.out, self.err
        return json.loads(self.out)


@contextmanager
def instance(home: Path) -> Iterator[subprocess.Popen[str]]:
    """An instance that runs in ``home`` until the end of the block."""
    command = [sys.executable, "-m", "meterhub", "--home", str(home), "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Meterhub runs in" in line:
                break
        else:
            raise AssertionError("".join(said))
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=20)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which an instance ran once and stopped in order; copy it, never change it."""
    home = tmp_path_factory.mktemp("pristine") / "home"
    with instance(home):
        pass
    return home


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Path:
    """A stopped home of one's own."""
    copy = tmp_path / "home"
    shutil.copytree(pristine, copy, symlinks=True)
    return copy


@pytest.fixture
def start() -> Callable[[Path], Any]:
    """Run an instance: ``with start(home): …``."""
    return instance


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which an instance runs for all tests that leave it as they found it."""
    home = tmp_path_factory.mktemp("shared") / "home"
    with instance(home):
        yield home


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """The command line: ``call(home, "config", "show", json=True, given="text for standard input")``."""
    monkeypatch.setattr(output.console, "_width", 200)

    def run(home: Path, *arguments: str | os.PathLike[str], json: bool = False, given: str | None = None) -> Said:
        if given is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        capsys.readouterr()
        status = main(["--home", str(home), *(["--json"] if json else []), *map(str, arguments)])
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return run
