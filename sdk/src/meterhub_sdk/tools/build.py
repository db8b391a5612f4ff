"""``meterhub-sdk build``: a wheel with its description, signed, and the same each time."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from meterhub_sdk.layout import ManifestError, entry_modules
from meterhub_sdk.manifest import DESCRIPTION_FILE, Manifest
from meterhub_sdk.signing import sign_wheel
from meterhub_sdk.tools.describe import load
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.keys import Signer, issued_at
from meterhub_sdk.tools.project import read_text
from meterhub_sdk.wheel import Wheel, read_wheel, write_wheel

TIMEOUT = 600.0
"""Seconds for the build backend."""

_HOOK = """
import importlib, sys
module, _, path = sys.argv[1].partition(":")
backend = importlib.import_module(module)
for name in filter(None, path.split(".")):
    backend = getattr(backend, name)
backend.build_wheel(sys.argv[2])
"""
"""Calls the backend of the current directory's project (PEP 517)."""


@dataclass(frozen=True, slots=True)
class Built:
    """A wheel, and the manifest that names its release."""

    path: Path
    manifest: Manifest


def build(directory: Path, out: Path, signer: Signer | None) -> Built:
    """Build the wheel of a checked plugin into ``out``; without a signer it stays unsigned.

    It appears in ``out`` only when it is finished. :class:`ToolError` when it cannot be built or described.
    """
    directory = directory.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=out) as staging:
        path = _built(directory, Path(staging).resolve())
        try:
            wheel = read_wheel(path)
            description = {DESCRIPTION_FILE: describe_wheel(wheel)}
            if signer is not None:
                manifest = sign_wheel(path, signer.key, signer.kid, issued_at(), description)
            else:
                files = {**wheel.files, f"{wheel.dist_info}/{DESCRIPTION_FILE}": description[DESCRIPTION_FILE]}
                manifest = Manifest.of(wheel.name, wheel.version, (wheel.package,), files)
                write_wheel(path, wheel.dist_info, files)
        except ManifestError as error:
            raise ToolError(f"{path.name} cannot be signed: {error}") from error
        return Built(path.replace(out / path.name), manifest)


def describe_wheel(wheel: Wheel) -> bytes:
    """What the hooks in a wheel declare, by importing what the wheel holds and nothing of the checkout."""
    modules = entry_modules(wheel.files.get(f"{wheel.dist_info}/entry_points.txt", b""), wheel.files)
    with tempfile.TemporaryDirectory(prefix="meterhub-sdk-") as directory:
        root = Path(directory).resolve()
        for name, data in wheel.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        answer = load(wheel.name, root, wheel.package, list(modules.values()))
    if answer.findings or answer.description is None:
        raise ToolError(f"the built wheel is not what was checked: {answer.findings[0]}")
    return answer.description.encode()


def _built(directory: Path, staging: Path) -> Path:
    """The plain wheel: by the backend where it is installed, else by pip, which fetches the backend."""
    backend, needs = _backend(directory)
    if importlib.util.find_spec(backend.partition(":")[0].partition(".")[0]) is not None:
        command = [sys.executable, "-c", _HOOK, backend, str(staging)]
    elif importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(staging), str(directory)]
    else:
        raise ToolError(f"the wheel cannot be built: {needs} is not installed here, nor is pip to fetch it")
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"the wheel was not built within {TIMEOUT:g} s; look at the build backend") from None
    wheels = list(staging.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        hint = f" (without a network, install it first: pip install {needs})" if "pip" in command else ""
        raise ToolError(f"the wheel cannot be built with {needs}{hint}: {_reason(done.stderr or done.stdout)}")
    return wheels[0]


def _reason(output: str) -> str:
    """The line of a build's output that says why it failed: pip has notes and hints behind it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no reason was given"])[-1]


def _backend(directory: Path) -> tuple[str, str]:
    """The backend's module, and the distributions that bring it."""
    system = tomllib.loads(read_text(directory / "pyproject.toml")).get("build-system", {})
    if system.get("backend-path"):
        raise ToolError("pyproject.toml has a backend-path; use an installed build backend such as hatchling")
    return str(system.get("build-backend", "setuptools.build_meta")), " ".join(system.get("requires", ["setuptools"]))
