"""What holds for every test, and the order in which they run.

Hypothesis looks at results, never at how long a loaded machine took for them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Hundreds of processes are started here; where a machine keeps no byte code, each of them compiles all that it imports.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SHARING = {
    "tests/interop/": "a demo",
    "tests/system/test_bad_input.py": "a gateway",
    "tests/system/test_configuration.py": "a gateway",
    "tests/system/test_kill.py": "a gateway",
    "tests/system/test_sandbox.py": "a gateway",
    "tests/faults/test_ill_treated.py": "every server",
    "tests/faults/test_mutated_input.py": "every server",
    "tests/plugins/web/": "a browser",
}
"""Tests that use the same costly thing: one process of pytest runs them, and makes it once."""

ALONE = ("tests/system/test_how_to_guides.py",)
"""Files whose tests share nothing and take so long that each of them may run somewhere else."""


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that all processes end together; pytest-randomly shuffled before."""
    slow = {_file(item) for item in items if item.get_closest_marker("slow") or item.nodeid.startswith(tuple(SHARING))}
    items.sort(key=lambda item: _file(item) not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process of pytest a file at a time, or all files that share something."""
    from xdist.scheduler import LoadFileScheduling

    class ByWhatTheyShare(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(ALONE):
                return nodeid
            shared = (thing for path, thing in SHARING.items() if nodeid.startswith(path))
            return next(shared, super()._split_scope(nodeid))

    return ByWhatTheyShare(config, log)
