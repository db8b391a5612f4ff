"""Whole instances; every test leaves no process behind."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_NAME = "meterhub_system_harness"


def pytest_configure(config: pytest.Config) -> None:
    """Register the harness, once for this room and ``tests/interop``."""
    if config.pluginmanager.has_plugin(_NAME):
        return
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).parent / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config.pluginmanager.register(module, _NAME)


@pytest.fixture(autouse=True)
def _tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every process that the test started is gone afterwards."""
    with sys.modules[_NAME].no_process_left():
        yield
