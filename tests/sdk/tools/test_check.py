"""``meterhub-sdk check``: a table of bad plugins and the one sentence about each."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from meterhub_sdk.tools import reserved
from meterhub_sdk.tools.check import check_plugin
from meterhub_sdk.tools.errors import ToolError

from meterhub.access import defaults
from meterhub.core_sections import CORE_SECTIONS

INIT = "src/acme_losses/__init__.py"
TOML = "src/acme_losses/plugin.toml"
PROJECT = "pyproject.toml"
REQUIRES = 'dependencies = ["meterhub-sdk>=0.1,<1"]'
PYDANTIC = version("pydantic")

SOURCES = [
    ("import meterhub.hub", "meterhub.hub is the core, which a plugin never imports; use meterhub_sdk"),
    ("from meterhub import hub", "meterhub is the core"),
    ("from meterhub_modbus.pdu import x", "meterhub_modbus.pdu is another plugin"),
    ("from meterhub_sdk.hub import Hub", "meterhub_sdk.hub is private"),
    ("from meterhub_sdk import checking", "meterhub_sdk.checking is private"),
    ("from meterhub_sdk.serial import Wire", "meterhub_sdk.serial.Wire is private"),
    ("import meterhub_sdk.testing", "meterhub_sdk.testing is for tests"),
    ("from meterhub_sdk.simulation import SimulatedLine", "meterhub_sdk.simulation is for tests"),
    ("import rich", "rich comes with no requirement"),
    ("import acme_nowhere.x", "acme_nowhere comes with no requirement"),
    ("def later():\n    import yaml", "yaml comes with no requirement"),
    ("print(__file__)", "__file__ leads to the disk"),
    ("import json\nprint(json.__file__)", "__file__ leads to the disk"),
    ("import multiprocessing.pool as pool", "multiprocessing would import the plugin past the check"),
    ("from multiprocessing import Process", "multiprocessing would import the plugin past the check"),
    ("import concurrent.futures as f\nf.ProcessPoolExecutor()", "concurrent.futures.ProcessPoolExecutor would import"),
    ("import asyncio\nasyncio.run(x())", "asyncio.run stops the worker"),
    ("import asyncio as aio\nwith aio.Runner(): ...", "asyncio.Runner stops the worker"),
    ("from asyncio import run as go\ngo(x())", "asyncio.run stops the worker"),
    ("import asyncio\nasyncio.new_event_loop().run_until_complete(x())", "run_until_complete stops the worker"),
    ("def f(:", "it is no Python"),
]


@pytest.mark.parametrize(("code", "sentence"), SOURCES)
def test_source_is_held_to_the_rules_without_running_it(checkout, code, sentence):
    checkout.write("src/acme_losses/deep/module.py", f"raise SystemExit\n{code}\n")
    (found,) = checkout.check()
    assert (found.file, found.line) == ("src/acme_losses/deep/module.py", 1 + len(code.splitlines()))
    assert found.message.startswith(sentence)


def test_what_plugins_may_do_gives_no_finding(checkout):
    checkout.change(PROJECT, REQUIRES, 'dependencies = ["meterhub-sdk>=0.1,<1", "PyYAML>=6", "pydantic>=2.10"]')
    checkout.change(PROJECT, 'test = ["pytest>=8"', 'test = ["Not_Installed>=8"')
    checkout.write("src/acme_losses/__main__.py", "import asyncio\nasyncio.run(asyncio.sleep(0))\n")
    checkout.write("src/acme_losses/data/table.csv", "a\n")
    checkout.write("src/acme_losses/__pycache__/x.cpython-311.pyc", b"")
    checkout.write(
        "src/acme_losses/more.py",
        "import asyncio, not_installed, yaml\n"
        "from meterhub_sdk.serial import open_line\n"
        "from importlib.resources import files\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pydantic import BaseModel\n"
        "from meterhub_sdk import Service, __version__\n"
        "from . import data\n"
        "from acme_losses import AcmeLosses\n"
        "run = asyncio.to_thread\n",
    )
    assert checkout.check() == []


DECLARATIONS = [
    (PROJECT, '"acme_losses"', '"acme_gains"', "the entry point acme-losses names acme_gains, which is not there", 18),
    (PROJECT, '"acme_losses"', '"acme losses"', "the entry point acme-losses = 'acme losses' names no module", 18),
    (PROJECT, '"meterhub.plugins"]', '"pytest11"]', "the entry points of the group 'pytest11' are refused", 17),
    (PROJECT, "[tool.ruff]", '[project.scripts]\nx = "acme_losses:x"\n\n[tool.ruff]', "a plugin has no scripts", 32),
    (TOML, "sdk = ", "sdk_ = ", "plugin.toml cannot be read", 1),
    (TOML, '">=0.1,<1"', '"any"', "sdk = 'any' is not a range of versions", 1),
    (TOML, '">=0.1,<1"', '">=7"', "sdk = '>=7' leaves out", 1),
    (TOML, '"acme.losses"', '"Acme"', "'Acme' is not the name of a feature", 2),
    (TOML, '"points.read:**"', '"network", "root"', "the capability 'root' is not known; known are", 3),
    (TOML, '"points.read:**"', '"points.read:a b"', "the capability 'points.read:a b' has no sound pattern", 3),
    (TOML, "64 MB", "1 MB", "limits.memory is 1,048,576 bytes", 6),
    (TOML, "cpu = 0.25", "cpu 0.25", "plugin.toml cannot be read", 7),
]


@pytest.mark.parametrize(("file", "old", "new", "sentence", "line"), DECLARATIONS)
def test_what_the_distribution_says_of_itself_is_sound(checkout, file, old, new, sentence, line):
    checkout.change(file, old, new)
    found = [found for found in checkout.check() if found.message.startswith(sentence)]
    assert [(f.file, f.line) for f in found] == [(file, line)]


REQUIREMENTS = [
    ("pydantic==2.10.1", f"pydantic==2.10.1 pins a package that the core and the SDK use too; give a range that "
     f"admits {PYDANTIC}, such as pydantic>=2"),
    ("PyDantic===2.10.1", "pydantic===2.10.1 pins"),
    ("pydantic<2.10", "pydantic<2.10 leaves out"),
    ("pydantic @ file:///tmp/pydantic", "pydantic is required from an address"),
    ("aiohttp==3.10", "aiohttp==3.10 pins"),
    ("meterhub-sdk==0.1.0", "meterhub-sdk==0.1.0 pins"),
    ("meterhub>=0.1", "a plugin never requires the core"),
    ("meterhub-modbus", "meterhub-modbus is another plugin"),
    ("not a requirement", "the requirement 'not a requirement' cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("requirement", "sentence"), REQUIREMENTS)
def test_a_requirement_leaves_the_core_and_the_sdk_as_they_are(checkout, requirement, sentence):
    checkout.change(PROJECT, REQUIRES, f'dependencies = [\n "meterhub-sdk>=0.1,<1",\n "{requirement}"]')
    (found,) = checkout.check()
    assert (found.file, found.line) == (PROJECT, 14)
    assert found.message.startswith(sentence)


def test_other_packages_may_be_pinned_and_ranges_may_be_narrow(checkout):
    major = PYDANTIC.split(".")[0]
    checkout.change(PROJECT, REQUIRES, f'dependencies = ["meterhub-sdk~=0.1", "pyserial==3.5", "pydantic=={major}.*"]')
    assert checkout.check() == []


def test_what_is_missing_is_said(checkout):
    checkout.change(PROJECT, REQUIRES, "dependencies = []")
    checkout.change(PROJECT, '[project.entry-points."meterhub.plugins"]\nacme-losses = "acme_losses"\n', "")
    (checkout.directory / TOML).unlink()
    checkout.write("src/acme_losses/fast.so", b"")
    assert [str(found) for found in checkout.check()] == [
        "pyproject.toml:5: there is no entry point; name the module with the hooks below "
        '[project.entry-points."meterhub.plugins"]',
        "pyproject.toml:12: the requirement meterhub-sdk is missing; add one such as meterhub-sdk>=0.1,<1 to "
        "dependencies",
        "src/acme_losses/fast.so:1: acme_losses/fast.so cannot be signed; ship Python source, native code "
        "belongs in a dependency",
        "src/acme_losses/plugin.toml:1: it is missing; it declares the SDK's versions, the features and the "
        "capabilities",
    ]


def test_without_a_package_or_a_project_there_is_one_sentence(checkout, tmp_path):
    (checkout.directory / INIT).unlink()
    assert "no package of acme-losses was found" in [f.message.partition(";")[0] for f in checkout.check()]
    with pytest.raises(ToolError, match="has no pyproject"):
        check_plugin(tmp_path)
    checkout.write(PROJECT, "[project")
    with pytest.raises(ToolError, match="cannot be read"):
        checkout.check()
    checkout.write(PROJECT, "[project]\n")
    with pytest.raises(ToolError, match="gives no name"):
        checkout.check()


UNDOCUMENTED = '''
from meterhub_sdk import Config, EventType, Feature, PointName, Service, command, field, hookimpl

class Row(Config):
    label: str
    title: str = field(title="Title")

class BadConfig(Config):
    rows: dict[str, list[Row | None]] = field({}, title="Rows")
    other: PointName

class Bad(Service[BadConfig]):
    name = "Bad_Name"
    feature = Feature("acme.Losses", "Acme losses")

    @command(title="Reset")
    async def reset_all(self) -> None:
        pass

class Undeclared(Service):
    """It is documented."""
    name = "event-log"
    feature = Feature("acme.other", " ")

@hookimpl
def meterhub_services():
    print("a plugin may print")
    return [Bad, Undeclared]

@hookimpl
def meterhub_event_types():
    return [EventType(number=1, name="lost", text="It was lost."),
            EventType(number=2, name="found", text="It was found.", help="Be glad.")]
'''


def test_everything_that_the_hooks_declare_is_named_well_and_documented(checkout):
    checkout.write(INIT, UNDOCUMENTED)
    assert [(found.file, found.line, found.message.partition(";")[0]) for found in checkout.check()] == [
        (INIT, 5, "the setting label of Row has no title"),
        (INIT, 10, "the setting other of BadConfig has no title"),
        (INIT, 12, "'acme.Losses' is not the name of a feature"),
        (INIT, 12, "the service Bad_Name has no docstring"),
        (INIT, 12, "the service name 'Bad_Name' is not well formed"),
        (INIT, 16, "the command reset-all of Bad_Name has no docstring"),
        (INIT, 20, "the feature acme.other has no title"),
        (INIT, 20, "the feature acme.other is not among those in plugin.toml"),
        (INIT, 20, "the service name 'event-log' belongs to the core"),
        (INIT, 32, "the event lost has no help"),
    ]


UNLOADABLE = [
    ("\nx = 1 / 0\n", 2, "its hooks cannot be loaded: ZeroDivisionError: division by zero"),
    ("raise SystemExit('over')\n", 1, "its hooks cannot be loaded: SystemExit: over"),
    ("import os\nos._exit(7)\n", 0, "the process that imported acme_losses ended with status 7"),
    ("X = 1\n", 1, "its hooks offer nothing"),
    (
        "from meterhub_sdk import hookimpl\n@hookimpl\ndef meterhub_servces(): ...\n",
        1,
        "its hooks cannot be loaded: PluginValidationError",
    ),
]


@pytest.mark.parametrize(("code", "line", "sentence"), UNLOADABLE)
def test_hooks_that_cannot_be_loaded_are_a_finding_where_they_broke(checkout, code, line, sentence):
    checkout.write(INIT, code)
    if not line:
        with pytest.raises(ToolError, match=sentence):
            checkout.check()
        return
    (found,) = checkout.check()
    assert (found.file, found.line) == (INIT, line)
    assert found.message.startswith(sentence)


def test_the_names_of_the_core_are_those_that_the_core_has_in_its_tree():
    in_tree = {path.split("/")[2] for path in (*defaults.READ, *defaults.RUN)}
    assert in_tree | CORE_SECTIONS.keys() <= reserved.CORE


@pytest.mark.parametrize("name", sorted(reserved.FIRST_PARTY))
def test_first_party_names_are_free_for_first_party_plugins_alone(name):
    assert reserved.service_fault(name, "meterhub-anything") is None
    assert reserved.service_fault(name, "acme-anything") is not None


def test_a_check_leaves_nothing_behind(checkout):
    before = sorted(checkout.directory.rglob("*"))
    assert checkout.check() == []
    assert sorted(checkout.directory.rglob("*")) == before
