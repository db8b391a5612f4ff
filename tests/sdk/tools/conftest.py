"""Plugins written to a temporary directory, sound to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from meterhub_sdk.tools.check import Finding, check_plugin
from meterhub_sdk.tools.new import new_plugin


@dataclass(frozen=True)
class Checkout:
    """The checkout of a plugin that a test spoils."""

    directory: Path

    def write(self, path: str, text: str | bytes) -> None:
        """Write a file of it."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def change(self, path: str, old: str, new: str) -> None:
        """Replace something that is there once at least."""
        text = (self.directory / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def check(self) -> list[Finding]:
        """What there is to mend."""
        return check_plugin(self.directory)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A new plugin named ``acme-losses``."""
    return Checkout(new_plugin("acme-losses", tmp_path, "ACME Metering"))
