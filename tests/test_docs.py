"""The documentation is complete, as new as the code, and leads nowhere that does not exist."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import meterhub_sdk
import meterhub_sdk.testing
import pytest
from meterhub_sdk import EventType
from meterhub_sdk.declaration import PLAIN_CAPABILITIES, POINT_CAPABILITIES
from meterhub_sdk.description import Plugin
from meterhub_sdk.hooks import Hooks
from meterhub_sdk.tools import cli as sdk_cli
from pydantic import BaseModel

import meterhub
from meterhub import cli
from meterhub.access.defaults import READ, RUN
from meterhub.core_sections import CORE_SECTIONS

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
REGENERATE = "run: python docs/generate_reference.py"
WRITTEN = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def text(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def rows(page: str) -> set[str]:
    """The first cells of all tables of a page."""
    return {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")}


def plugins() -> list[Plugin]:
    found = []
    for path in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        modules = project["entry-points"]["meterhub.plugins"].values()
        found.append(Plugin(project["name"], [importlib.import_module(module) for module in modules]))
    return found


def services() -> list[Any]:
    return [service for plugin in plugins() for service in plugin.services.values()]


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and every model within it."""
    yield model
    for info in model.model_fields.values():
        for inner in within(info.annotation):
            yield from models(inner)


def within(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from within(argument)


def missing(names: set[str], page: str) -> set[str]:
    return {name for name in names if f"`{name}`" not in rows(page)}


# -- the reference knows everything ---------------------------------------------------------------


def test_every_hook_is_documented() -> None:
    hooks = {name for name in vars(Hooks) if name.startswith("meterhub_")}
    assert hooks
    assert {name for name in hooks if f"\n## {name}\n" not in text("hooks.md")} == set(), REGENERATE


@pytest.mark.parametrize("module", [meterhub_sdk, meterhub_sdk.testing], ids=["sdk", "testing"])
def test_every_public_name_of_the_sdk_is_documented(module: Any) -> None:
    assert {name for name in module.__all__ if f"\n### {name}\n" not in text("sdk.md")} == set(), REGENERATE


def test_every_public_name_of_the_sdk_says_what_it_is() -> None:
    entries = re.split(r"\n### ", text("sdk.md"))[1:]
    assert [entry.splitlines()[0] for entry in entries if len(entry.strip().splitlines()) < 3] == []


@pytest.mark.parametrize("service", services(), ids=lambda service: service.name)
def test_every_setting_status_field_and_command_of_a_service_is_documented(service: Any) -> None:
    page = text(f"services/{service.name}.md")
    own = [service.config_type, *([service.status_type] if service.status_type else [])]
    fields = {name for one in own for model in models(one) for name in model.model_fields}
    assert missing(fields, page) == set(), REGENERATE
    assert {name for name in service.commands() if f"/command/{service.name}/{name}" not in page} == set(), REGENERATE


@pytest.mark.parametrize("service", services(), ids=lambda service: service.name)
def test_every_setting_has_a_title(service: Any) -> None:
    untitled = [
        f"{model.__name__}.{name}"
        for model in models(service.config_type)
        for name, info in model.model_fields.items()
        if not info.title
    ]
    assert untitled == []


def test_every_setting_of_the_core_is_documented() -> None:
    fields = {name for own in CORE_SECTIONS.values() for model in models(own) for name in model.model_fields}
    assert missing(fields, text("core-settings.md")) == set(), REGENERATE


def test_every_path_of_the_core_is_documented_with_its_default_roles() -> None:
    lines = text("paths.md").splitlines()
    for path, roles in {**READ, **RUN}.items():
        line = next((line for line in lines if line.startswith(f"| `{path}` |")), "")
        assert line.endswith(f"| {roles} |"), f"{path}: {REGENERATE}"


def test_every_event_type_is_documented() -> None:
    page = text("events.md")
    core = {value for module in core_modules() for value in vars(module).values() if isinstance(value, EventType)}
    types = [*core, *(event for plugin in plugins() for event in plugin.event_types())]
    assert {event.name for event in types if f"| {event.number} | `{event.name}` |" not in page} == set(), REGENERATE


def test_no_two_event_types_of_the_core_have_one_number() -> None:
    core = {value for module in core_modules() for value in vars(module).values() if isinstance(value, EventType)}
    numbers = [event.number for event in core]
    assert sorted(number for number in set(numbers) if numbers.count(number) > 1) == []


def core_modules() -> list[Any]:
    names = [module.name for module in pkgutil.walk_packages(meterhub.__path__, "meterhub.")]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


@pytest.mark.parametrize("capability", sorted(PLAIN_CAPABILITIES | POINT_CAPABILITIES))
def test_every_capability_is_documented(capability: str) -> None:
    assert any(row.startswith((f"`{capability}`", f"`{capability}:")) for row in rows(text("capabilities.md")))


@pytest.mark.parametrize(("program", "parser"), [("meterhub", cli._parser()), ("meterhub-sdk", sdk_cli._parser())])
def test_every_command_and_option_is_documented(program: str, parser: argparse.ArgumentParser) -> None:
    page = text("command-line.md")
    for name, own in commands(program, parser):
        section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        options = [option for action in own._actions for option in action.option_strings if action.dest != "help"]
        assert section, f"{name}: {REGENERATE}"
        assert [option for option in options if option not in section] == [], f"{name}: {REGENERATE}"


def commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for word, own in ((word, own) for group in groups for word, own in group.choices.items()):
        deeper = list(commands(f"{name} {word}", own))
        yield from deeper or [(f"{name} {word}", own)]


def test_the_reference_is_what_the_code_says_now() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate_reference.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}{REGENERATE}"


# -- every page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page.read_text("utf-8")):
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} is not there"
        if heading:
            assert heading in anchors(file.read_text("utf-8")), f"{target} has no such heading"


def links(markdown: str) -> list[str]:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```", "", markdown))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_linked_from_somewhere() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in WRITTEN
        for target in links(page.read_text("utf-8"))
        if not target.startswith("#")
    }
    assert [
        page.name for page in WRITTEN if page.parent != ROOT and page not in linked | {ROOT / "docs/index.md"}
    ] == []


def test_commands_in_the_guides_exist() -> None:
    known = {name for name, _ in commands("meterhub", cli._parser())}
    known |= {name for name, _ in commands("meterhub-sdk", sdk_cli._parser())} | {"meterhub events"}
    for page in WRITTEN:
        for name in called(page.read_text("utf-8")):
            words = name.split()
            assert " ".join(words[:3]) in known or " ".join(words[:2]) in known, f"{page.name}: {name}"


def called(markdown: str) -> Iterator[str]:
    """The commands in blocks of shell, with their options left out."""
    for block in re.findall(r"(?s)```sh\n(.*?)```", markdown):
        for line in re.split(r"\n|&&|;|#", block):
            found = re.match(r"(?:\$ )?(?:sudo )?(?:\S*/)?(meterhub(?:-sdk)?) (.*)", line.strip())
            if found:
                rest = re.sub(r"--(?:home \S+|json)", "", found[2]).split()
                yield " ".join([found[1], *rest[:2]])


def test_the_readme_and_ci_run_the_same_test_command() -> None:
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("there is no .ci/run")
    readme = (ROOT / "README.md").read_text("utf-8")
    tests = next(line for line in readme.splitlines() if line.endswith("-m pytest") and "requirements.txt" in line)
    run = script.read_text("utf-8").replace("pip install -q", "pip install")
    assert tests in run.splitlines()
    assert tests.partition(".venv/bin/python")[0] in readme.partition("meterhub demo")[0]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_example_unit_is_exposed_less_than_2_0() -> None:
    unit = ROOT / "docs" / "examples" / "meterhub.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


REGISTRIES = ("pypi.org", "pythonhosted.org", "npmjs.", "crates.io", "rubygems.org", "hub.docker.com", "ghcr.io")
TEXTS = {".py", ".md", ".toml", ".txt", ".json", ".cfg", ".ini", ".yml", ".yaml", ".service", ".sh", ""}


def test_no_file_names_the_address_of_a_package_registry() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    files = [ROOT / name for name in tracked.split("\0") if name] or [*WRITTEN, *ROOT.glob("*.txt")]
    here = Path(__file__).resolve()
    naming = [
        f"{file.relative_to(ROOT)}: {registry}"
        for file in files
        if file.suffix in TEXTS and file.is_file() and file != here
        for registry in REGISTRIES
        if registry in file.read_text("utf-8", errors="replace")
    ]
    assert naming == []


def test_every_library_that_is_needed_is_explained() -> None:
    page = (ROOT / "docs" / "explanation" / "libraries.md").read_text("utf-8")
    told = {name.strip() for row in rows(page) for name in row.split(",")}
    needed: set[str] = set()
    for path in (ROOT / "core", ROOT / "sdk", *(ROOT / "plugins").iterdir()):
        if (path / "pyproject.toml").is_file():
            project = tomllib.loads((path / "pyproject.toml").read_text("utf-8"))["project"]
            extras = [
                each
                for name, extra in project.get("optional-dependencies", {}).items()
                for each in extra
                if name != "dev"
            ]
            needed |= {re.split(r"[^\w.-]", each)[0] for each in [*project["dependencies"], *extras]}
    package = json.loads((ROOT / "plugins" / "web" / "frontend" / "package.json").read_text("utf-8"))
    needed |= package["dependencies"].keys() | package["devDependencies"].keys()
    assert {name for name in needed if not name.startswith("meterhub")} - told == set()
