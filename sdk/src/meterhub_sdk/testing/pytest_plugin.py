"""Pytest fixtures for plugin authors; loaded by itself when the SDK is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from meterhub_sdk.testing.fake_hub import FakeHub


@pytest.fixture
def fake_hub(tmp_path: Path) -> Iterator[FakeHub]:
    """A hub for one service under test; its directory is the test's own."""
    hub = FakeHub(directory=tmp_path)
    yield hub
    hub.close()
