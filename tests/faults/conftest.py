"""Servers in a process of their own, and everything that is needed to ill-treat them."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_HARNESS = "meterhub_system_harness"
if str(_HERE) not in sys.path:
    sys.path.insert(0, str(_HERE))

from rig.mutation import seed_of_this_run  # noqa: E402
from rig.plan import Plan  # noqa: E402
from rig.stage import Stage, Terminal  # noqa: E402
from rig.wires import Apci, Mbap, Wrapper  # noqa: E402

_LINES = ("rtu", "hdlc", "meter")
_WIRES = {"modbus": Mbap, "dlms": Wrapper, "iec104": Apci}
_CAPTURES = _HERE.parent / "plugins" / "dlms" / "push_captures.json"


def pytest_configure(config: pytest.Config) -> None:
    """Register the harness of ``tests/system``, once for all rooms that use it."""
    if config.pluginmanager.has_plugin(_HARNESS):
        return
    spec = importlib.util.spec_from_file_location(_HARNESS, _HERE.parent / "system" / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[_HARNESS] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config.pluginmanager.register(module, _HARNESS)


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    """Every process that the test started is gone afterwards."""
    with sys.modules[_HARNESS].no_process_left():
        yield


@pytest.fixture
def chance() -> random.Random:
    """Chance, with a seed that is printed and can be given again."""
    return random.Random(seed_of_this_run())


@pytest.fixture(scope="session")
def recorded() -> dict[str, dict[str, list[bytes]]]:
    """What clients really said, as messages: by protocol and client. Pushes are captures of others' meters."""
    streams = json.loads((_HERE / "recorded.json").read_text("ascii"))
    found = {
        protocol: {name: list(_WIRES[protocol]().messages(bytes.fromhex(text))) for name, text in clients.items()}
        for protocol, clients in streams.items()
    }
    captures = {name: bytes.fromhex(row["hex"]) for name, row in json.loads(_CAPTURES.read_text("utf-8")).items()}
    found["push"] = {name: [b"\0\1\0\x10" + apdu] for name, apdu in captures.items() if apdu[0] == 0x0F}
    found["push frames"] = {name: [octets] for name, octets in captures.items() if octets[0] == 0x7E}
    return found


@pytest.fixture(scope="session")
def terminals() -> Iterator[dict[str, Terminal]]:
    """The serial lines of the stage."""
    made = {label: Terminal() for label in _LINES}
    yield made
    for terminal in made.values():
        terminal.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, terminals: dict[str, Terminal]) -> Iterator[Stage]:
    """Every server there is, at work for all tests that do not kill them."""
    serial = {label: {"device": terminal.device, "baud": 115_200} for label, terminal in terminals.items()}
    made = Stage(Plan(tmp_path_factory.mktemp("stage"), serial=serial).whole())
    try:
        asyncio.run(made.start())
        yield made
    except BaseException:
        made.kill()
        raise
    made.stop()


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Makes stages that the test may kill: ``own_stage(host=..., before=...)``."""
    made: list[Stage] = []

    def make(host: str = "127.0.0.1", before: Sequence[str] = ()) -> Stage:
        made.append(Stage(Plan(tmp_path, host).whole(), before))
        return made[-1]

    yield make
    for stage in made:
        stage.kill()
