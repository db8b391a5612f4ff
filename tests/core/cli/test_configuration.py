"""``meterhub config`` against a running instance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
PLACEMENT = {"placement": [["meterhub-dlms", "meterhub-modbus"]]}


@pytest.fixture
def cli(call: Call, shared_home: Path) -> Iterator[Call]:
    """The command line on the shared instance, whose configuration is empty again afterwards."""

    def run(*arguments: Any, **options: Any) -> Any:
        return call(shared_home, *arguments, **options)

    yield run
    if run("config", "show", json=True).json["editor"] is not None:
        run("config", "discard")
    if run("config", "show", json=True).json["services"]:
        run("config", "restore-defaults")
        run("config", "apply", "--confirm-within", "0")


@pytest.fixture
def section(tmp_path: Path) -> Path:
    """A file with settings for the section ``workers``."""
    path = tmp_path / "workers.json"
    path.write_text(json.dumps(PLACEMENT))
    return path


def test_a_section_goes_from_a_file_through_the_draft_into_the_running_configuration(cli: Call, section: Path) -> None:
    assert cli("config", "save", "workers", section).status == 0
    assert "meterhub-dlms" in cli("config", "diff").out
    assert "the draft is good" in cli("config", "check").out
    assert "have other settings" not in cli("config", "show", "workers").out
    applied = cli("config", "apply", "--name", "placed", "--confirm-within", "0")
    assert applied.status == 0, applied
    assert cli("config", "show", "workers", json=True).json["active"] == PLACEMENT
    assert cli("config", "show", json=True).json["services"] == {"workers": PLACEMENT}
    newest = cli("config", "history", json=True).json[0]
    assert (newest["name"], newest["author"]) == ("placed", "access_admin")
    assert "placed" in cli("config", "history").out


def test_a_section_is_taken_from_standard_input_too(cli: Call) -> None:
    assert cli("config", "save", "workers", "-", given=json.dumps(PLACEMENT)).status == 0
    assert cli("config", "diff", json=True).json["changes"][0]["path"] == ["workers"]


def test_an_error_is_told_with_its_path_and_leaves_no_draft_behind(cli: Call) -> None:
    said = cli("config", "save", "workers", "-", given='{"placement": [["a"], ["a"]], "colour": "red"}')
    assert said.status == 1
    assert any(line.startswith("workers.colour: ") for line in said.err.splitlines())
    assert any(line.startswith("workers.placement: ") for line in said.err.splitlines())
    assert cli("config", "show", json=True).json["editor"] is None


def test_errors_are_json_for_programs(cli: Call) -> None:
    said = cli("config", "save", "workers", "-", given='{"colour": "red"}', json=True)
    assert said.status == 1
    assert said.json["errors"][0]["path"] == ["workers", "colour"]


def test_a_draft_that_was_there_before_survives_an_error(cli: Call, section: Path) -> None:
    cli("config", "save", "workers", section)
    assert cli("config", "save", "workers", "-", given='{"colour": "red"}').status == 1
    assert cli("config", "diff", json=True).json["changes"]


def test_what_is_no_json_is_refused_in_one_sentence(cli: Call) -> None:
    assert cli("config", "save", "workers", "-", given="placement: []").err.startswith("meterhub: - is no JSON")
    assert "are a JSON object" in cli("config", "save", "workers", "-", given="[1]").err
    assert "cannot be read" in cli("config", "save", "workers", "/nonexistent/file").err


def test_an_unconfirmed_configuration_is_confirmed(cli: Call, section: Path) -> None:
    cli("config", "save", "workers", section)
    said = cli("config", "apply", "--confirm-within", "300")
    assert "meterhub config confirm" in said.out
    assert cli("config", "show", json=True).json["confirm_within"] > 0
    assert cli("config", "confirm").status == 0
    assert cli("config", "confirm").err.strip().endswith("needs no confirmation")


def test_configuration_mode_is_entered_and_ended(cli: Call) -> None:
    assert "access_admin" in cli("config", "enter").out
    assert cli("config", "discard").status == 0
    assert cli("config", "discard").status == 1
    cli("config", "enter")
    assert cli("config", "cancel-other", json=True).json == {"cancelled": "access_admin"}


def test_an_older_revision_returns_as_the_draft(cli: Call, section: Path) -> None:
    cli("config", "save", "workers", section)
    number = cli("config", "apply", "--confirm-within", "0", json=True).json["revision"]
    assert cli("config", "remove", "workers").status == 0
    cli("config", "apply", "--confirm-within", "0")
    assert cli("config", "show", json=True).json["services"] == {}
    assert cli("config", "revert", number).status == 0
    assert cli("config", "diff", json=True).json["changes"][0]["new"] == PLACEMENT
    cli("config", "discard")
    assert f"there is no revision {number + 100}" in cli("config", "revert", number + 100).err


def test_a_service_that_is_not_there_cannot_be_removed(cli: Call) -> None:
    said = cli("config", "remove", "modbus-server")
    assert (said.status, "modbus-server is not configured" in said.err) == (1, True)
    assert cli("config", "show", json=True).json["editor"] is None


def test_what_was_exported_can_be_imported_and_applied(cli: Call, section: Path, tmp_path: Path) -> None:
    cli("config", "save", "workers", section)
    cli("config", "apply", "--confirm-within", "0")
    file = tmp_path / "export.json"
    assert cli("config", "export", file).status == 0
    assert json.loads(cli("config", "export").out) == json.loads(file.read_text())
    cli("config", "restore-defaults")
    cli("config", "apply", "--confirm-within", "0")
    said = cli("config", "import", file, "--apply", "--confirm-within", "0", "--name", "again")
    assert said.status == 0, said
    assert cli("config", "show", json=True).json["services"] == {"workers": PLACEMENT}


def test_secrets_travel_under_a_passphrase_only(cli: Call, tmp_path: Path) -> None:
    file, passphrase = tmp_path / "export.json", tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    cli("secret", "set", "meter-key", given="open sesame")
    assert cli("config", "export", file, "--passphrase-file", passphrase).status == 0
    assert "sesame" not in file.read_text()
    cli("secret", "delete", "meter-key")
    refused = cli("config", "import", file, given="wrong passphrase")
    assert "the passphrase is wrong" in refused.err
    assert cli("config", "show", json=True).json["editor"] is None
    assert cli("config", "import", file, "--passphrase-file", passphrase).status == 0
    assert cli("secret", "list", json=True).json == ["meter-key"]
    cli("secret", "delete", "meter-key")


def test_a_group_without_a_command_shows_its_commands(cli: Call) -> None:
    said = cli("config")
    assert (said.status, "restore-defaults" in said.out) == (2, True)


def test_without_an_instance_one_sentence_says_how_to_start_it(call: Call, tmp_path: Path) -> None:
    said = call(tmp_path, "config", "show")
    assert said.status == 1
    assert said.err.startswith("meterhub: no instance runs in")
    assert len(said.err.splitlines()) == 1
