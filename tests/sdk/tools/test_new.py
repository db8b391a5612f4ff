"""``meterhub-sdk new``: what it writes works at once, and what it refuses it refuses whole."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.new import check_new_name, new_plugin
from meterhub_sdk.tools.project import read_project


def test_a_new_plugin_has_all_that_a_plugin_has(tmp_path):
    made = new_plugin("acme-losses", tmp_path, 'ACME "Metering" Ltd')
    assert {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()} == {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/acme_losses/__init__.py",
        "src/acme_losses/plugin.toml",
        "src/acme_losses/py.typed",
        "tests/test_acme_losses.py",
    }
    project = read_project(made)
    assert project.table["authors"] == [{"name": 'ACME "Metering" Ltd'}]
    assert (project.name, project.modules, project.package) == ("acme-losses", ["acme_losses"], "acme_losses")
    assert "$" not in "".join(path.read_text() for path in made.rglob("*") if path.is_file())
    assert [path.name for path in tmp_path.iterdir()] == ["acme-losses"]


@pytest.mark.parametrize("name", ["acme-energy-losses", "adder", "a-1-b2"])
def test_its_own_tests_pass(tmp_path, name):
    made = new_plugin(name, tmp_path)
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_its_source_is_clean_for_ruff_and_mypy(tmp_path):
    made = new_plugin("acme-losses", tmp_path)
    for command in (["ruff", "check", "-q"], ["ruff", "format", "--check", "-q"], ["mypy", "--strict", "src"]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=made, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_can_be_installed_as_editable_with_nothing_but_the_build_backend(tmp_path):
    made = new_plugin("acme-losses", tmp_path)
    hidden = "import sys; sys.modules['editables'] = None"
    program = f"{hidden}; import hatchling.build; hatchling.build.build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=made, capture_output=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        (link,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        assert wheel.read(link).decode().strip() == str(made / "src")


REFUSED = [
    ("Acme_Losses", "is not the name of a plugin"),
    ("acme--losses", "is not the name of a plugin"),
    ("3phase-losses", "is not the name of a plugin"),
    ("../acme", "is not the name of a plugin"),
    ("", "is not the name of a plugin"),
    ("a" * 65, "is not the name of a plugin"),
    ("meterhub", "kept for Meterhub's own"),
    ("meterhub-losses", "kept for Meterhub's own"),
    ("losses", "belongs to Meterhub; put your own name before it, such as acme-losses"),
    ("modbus-server", "belongs to Meterhub"),
    ("event-log", "belongs to the core"),
    ("point-name", "means something in Python or in the SDK"),
    ("class", "means something in Python or in the SDK"),
    ("json", "the package name 'json' is taken"),
    ("pydantic", "there is a package pydantic here that is no plugin"),
]


@pytest.mark.parametrize(("name", "sentence"), REFUSED)
def test_a_name_that_will_not_do_is_refused_and_nothing_is_written(tmp_path, name, sentence):
    with pytest.raises(ToolError, match=sentence):
        new_plugin(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_exists_is_never_written_over(tmp_path):
    (tmp_path / "acme-losses").mkdir()
    with pytest.raises(ToolError, match="exists already"):
        new_plugin("acme-losses", tmp_path)
    with pytest.raises(ToolError, match="is not there; make it first"):
        new_plugin("acme-losses", tmp_path / "missing")
    with pytest.raises(ToolError, match="not printable"):
        new_plugin("acme-adder", tmp_path, "ACME\n")
    assert [path.name for path in tmp_path.rglob("*")] == ["acme-losses"]


WORDS = st.lists(st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True), min_size=1, max_size=4)


@settings(deadline=None, max_examples=30)
@given(WORDS, st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=30))
def test_whatever_name_is_taken_gives_sound_files(tmp_path_factory, words, publisher):
    name = "-".join(["zz", *words])
    check_new_name(name)
    made = new_plugin(name, tmp_path_factory.mktemp("new"), publisher)
    project = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))["project"]
    assert project.get("authors", [{"name": ""}]) == [{"name": publisher}]
    source = next(made.glob("src/*/__init__.py")).read_text("utf-8")
    namespace: dict[str, object] = {"__name__": "made"}
    exec(compile(source, "made", "exec"), namespace)
    (service,) = namespace["meterhub_services"]()
    assert service.name == name


def test_the_templates_are_in_the_wheel_of_the_sdk(tmp_path):
    sdk = Path(__file__).parents[3] / "sdk"
    listed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))",
            tmp_path,
        ],
        cwd=sdk,
        capture_output=True,
        text=True,
        check=True,
    )
    names = zipfile.ZipFile(tmp_path / listed.stdout.strip().splitlines()[-1]).namelist()
    wanted = {path.name for path in (sdk / "src/meterhub_sdk/tools/templates").iterdir()}
    assert {f"meterhub_sdk/tools/templates/{name}" for name in wanted} <= set(names)
    assert len(wanted) == 6
