"""``meterhub licence, feature, secret``: from the vendor's key to a feature that is switched."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
NOWHERE = Path("/nonexistent/home")


@pytest.fixture
def vendor(call: Call, tmp_path: Path) -> tuple[str, str]:
    """The two files of a vendor, made without an instance."""
    files = call(NOWHERE, "licence", "new-vendor", "ACME Metering", "--dir", tmp_path, json=True).json
    return files["private"], files["public"]


def issue(call: Call, vendor: tuple[str, str], serial: str, file: Path, *more: str) -> Any:
    arguments = ("--key", vendor[0], "--vendor", vendor[1], "--serial", serial, "-o", file)
    return call(NOWHERE, "licence", "issue", *arguments, "--feature", "synth.losses", *more)


def test_a_licence_goes_from_the_vendor_to_a_switched_feature(
    call: Call, vendor: tuple[str, str], shared_home: Path, tmp_path: Path
) -> None:
    serial = call(shared_home, "licence", "list", json=True).json["serial"]
    file = tmp_path / "losses.licence"
    said = issue(call, vendor, serial, file, "--expires", "2099-12-31", "--number", "2026-7")
    assert said.status == 0, said
    assert "Expires: 2099-12-31" in file.read_text()
    trusted = call(shared_home, "licence", "trust-vendor", vendor[1], "--feature", "synth.*")
    assert "fingerprint" in trusted.out
    assert "synth.losses" in call(shared_home, "licence", "install", file).out
    listed = call(shared_home, "licence", "list")
    assert "ACME Metering" in listed.out
    assert "2026-7" in listed.out
    assert call(shared_home, "feature", "off", "synth.losses").status == 0
    (row,) = call(shared_home, "feature", "list", json=True).json
    assert (row["licensed"], row["switched_on"]) == (True, False)
    assert call(shared_home, "feature", "on", "synth.losses").status == 0
    assert "synth.losses" in call(shared_home, "feature", "list").out
    (licence,) = call(shared_home, "licence", "list", json=True).json["licences"]
    assert call(shared_home, "licence", "remove", licence["file"]).status == 0
    assert call(shared_home, "feature", "list", json=True).json == []


def test_a_licence_for_another_instance_is_refused(
    call: Call, vendor: tuple[str, str], shared_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "other.licence"
    issue(call, vendor, "MH-000000000000", file)
    call(shared_home, "licence", "trust-vendor", vendor[1])
    said = call(shared_home, "licence", "install", file)
    assert said.status == 1
    assert len(said.err.splitlines()) == 1


def test_issuing_never_writes_over_a_file(call: Call, vendor: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "one.licence"
    issue(call, vendor, "MH-000000000000", file)
    before = file.read_bytes()
    said = issue(call, vendor, "MH-000000000001", file)
    assert (said.status, "exists already" in said.err) == (1, True)
    assert file.read_bytes() == before


def test_a_licence_without_a_file_goes_to_standard_output(call: Call, vendor: tuple[str, str]) -> None:
    arguments = ("--key", vendor[0], "--vendor", vendor[1], "--serial", "MH-1", "--feature", "a.b")
    said = call(NOWHERE, "licence", "issue", *arguments)
    assert said.out.startswith("Meterhub licence\nVendor: ACME Metering\n")


def test_the_vendors_private_key_is_closed_and_is_never_replaced(
    call: Call, vendor: tuple[str, str], tmp_path: Path
) -> None:
    assert stat.S_IMODE(Path(vendor[0]).stat().st_mode) == 0o600
    said = call(NOWHERE, "licence", "new-vendor", "ACME Metering", "--dir", tmp_path)
    assert (said.status, "exists already" in said.err) == (1, True)


def test_a_feature_that_nobody_licensed_cannot_be_switched(call: Call, shared_home: Path) -> None:
    assert "neither built-in nor licensed" in call(shared_home, "feature", "on", "acme.magic").err


@pytest.mark.parametrize("from_file", [False, True])
def test_a_secret_is_read_without_its_line_end_and_never_shown(
    call: Call, shared_home: Path, tmp_path: Path, *, from_file: bool
) -> None:
    name = f"pass{from_file}"
    if from_file:
        (tmp_path / "value").write_text("s3cret value\n")
        said = call(shared_home, "secret", "set", name, "--value-file", tmp_path / "value")
    else:
        said = call(shared_home, "secret", "set", name, given="s3cret value\n")
    assert said.status == 0, said
    assert name in call(shared_home, "secret", "list").out.split()
    assert "s3cret" not in (shared_home / "secrets.json").read_text()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("twelve letters")
    exported = json.loads(call(shared_home, "config", "export", "--passphrase-file", passphrase).out)
    assert "s3cret" not in json.dumps(exported)
    assert call(shared_home, "secret", "delete", name).status == 0


def test_an_empty_or_unknown_secret_is_refused(call: Call, shared_home: Path) -> None:
    assert "nothing was given" in call(shared_home, "secret", "set", "empty", given="\n").err
    assert "there is no secret" in call(shared_home, "secret", "delete", "unknown").err
