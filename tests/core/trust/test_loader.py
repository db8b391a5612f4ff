"""A verified package behaves like an ordinary one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from meterhub.trust import Invalid, VerifiedFinder, verify_installed

PROBE = """
import importlib.resources, inspect, linecache, pkgutil, traceback
import acme_adder
from acme_adder import sums

def fail():
    raise RuntimeError("on purpose")

def trace():
    try:
        fail()
    except RuntimeError:
        return traceback.format_exc()

def missing(name):
    try:
        importlib.resources.files("acme_adder").joinpath(name).read_bytes()
    except FileNotFoundError:
        return True

root = importlib.resources.files("acme_adder")
with importlib.resources.as_file(root / "data" / "table.txt") as path:
    as_file = path.read_text()
with (root / "data/table.txt").open() as file:
    opened = file.read()
ANSWER = {
    "text": (root / "data" / "table.txt").read_text(),
    "as_file": as_file,
    "opened": opened,
    "children": sorted(child.name for child in root.iterdir()),
    "kinds": [(root / "data").is_dir(), (root / "data").is_file(), (root / "plugin.toml").is_file()],
    "missing": [missing("nothing.txt"), missing("../acme_adder/plugin.toml"), missing("data")],
    "get_data": pkgutil.get_data("acme_adder", "data/table.txt").decode(),
    "source": inspect.getsource(fail),
    "file": acme_adder.__file__,
    "trace": trace(),
    "modules": [module.name for module in pkgutil.iter_modules(acme_adder.__path__)],
}
"""


@pytest.fixture
def finder() -> Iterator[VerifiedFinder]:
    finder = VerifiedFinder()
    yield finder
    finder.remove()
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_adder"]:
        del sys.modules[name]


def test_resources_sources_and_tracebacks_work(workshop: Any) -> None:
    workshop.install({"acme_adder/probe.py": PROBE})
    workshop.modules.append("acme_adder.probe")
    # What happens on the disk afterwards is neither run nor shown.
    workshop.swap[str(workshop.package / "probe.py")] = workshop.evil
    workshop.swap[str(workshop.package / "data/table.txt")] = "other"
    found = workshop.load()["imported"]["acme_adder.probe"]
    assert found["text"] == found["as_file"] == found["opened"] == found["get_data"] == "table\n"
    assert found["children"] == ["__init__.py", "data", "deep", "plugin.toml", "probe.py", "sums.py"]
    assert found["kinds"] == [True, False, True]
    assert found["missing"] == [True, True, True]
    assert found["source"] == 'def fail():\n    raise RuntimeError("on purpose")\n'
    assert found["file"] == str(workshop.package / "__init__.py")
    assert 'probe.py", line 7, in fail\n    raise RuntimeError("on purpose")' in found["trace"]
    assert found["modules"] == []


def test_no_byte_code_is_written(workshop: Any, finder: VerifiedFinder) -> None:
    workshop.install()
    finder.add(verify_installed(workshop.candidate(), workshop.trust))
    import acme_adder  # type: ignore[import-not-found]  # the plugin of this test

    assert acme_adder.ANSWER == "good"
    assert not list(workshop.site.rglob("*.pyc"))


def test_it_takes_the_first_place_and_asks_others_for_other_names(workshop: Any, finder: VerifiedFinder) -> None:
    workshop.install()
    finder.add(verify_installed(workshop.candidate(), workshop.trust))
    assert sys.meta_path[0] is finder
    assert finder.find_spec("json", None) is None
    with pytest.raises(ModuleNotFoundError, match="not part of the signed plugin acme-adder"):
        finder.find_spec("acme_adder.data", None)


def test_two_plugins_cannot_have_one_package(workshop: Any, finder: VerifiedFinder) -> None:
    workshop.install()
    plugin = verify_installed(workshop.candidate(), workshop.trust)
    finder.add(plugin)
    with pytest.raises(Invalid, match="the package acme_adder belongs to acme-adder"):
        finder.add(plugin)


def test_a_fault_in_the_source_is_python_s_own_error(workshop: Any) -> None:
    workshop.install(
        {"acme_adder/broken.py": "def (:\n", "acme_adder/latin.py": "# -*- coding: latin-1 -*-\nANSWER = 1\n"}
    )
    workshop.modules += ["acme_adder.broken", "acme_adder.latin"]
    imported = workshop.load()["imported"]
    assert imported["acme_adder.broken"].startswith("SyntaxError")
    assert imported["acme_adder.latin"] == 1
