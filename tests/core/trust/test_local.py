"""Checkouts: signed by this machine's key, which signs nothing else."""

from __future__ import annotations

import stat
from typing import Any

import pytest
from meterhub_sdk.manifest import Manifest
from meterhub_sdk.signing import load_key, sign_manifest, sign_wheel

from meterhub.trust import (
    Invalid,
    LocalSignatures,
    Modified,
    TrustStore,
    TrustStoreError,
    Unsigned,
    Untrusted,
    discover,
    verify_installed,
    verify_wheel,
)


def test_a_signed_checkout_runs(workshop: Any) -> None:
    source = workshop.checkout()
    local = LocalSignatures(workshop.home, workshop.trust)
    candidate = workshop.candidate()
    assert candidate.source == source
    manifest = local.sign(candidate)
    assert manifest.capabilities == ("points.read:meter/*", "network")
    plugin = verify_installed(candidate, workshop.trust, local.token(candidate))
    assert (plugin.manifest, plugin.root, plugin.publisher.name) == (manifest, source, "this machine")
    answer = workshop.load(local=local.token(candidate))
    assert answer == {"error": None, "imported": {"acme_adder": "good"}}


def test_the_key_is_private_made_once_and_known_after_a_restart(workshop: Any) -> None:
    workshop.checkout()
    local = LocalSignatures(workshop.home, workshop.trust)
    assert workshop.trust.machine is None
    local.sign(workshop.candidate(), iat=1)
    path = workshop.home / "machine.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes(), local.token(workshop.candidate())
    again = TrustStore.load(workshop.home)
    LocalSignatures(workshop.home, again).sign(workshop.candidate(), iat=1)
    assert (path.read_bytes(), local.token(workshop.candidate())) == before
    assert again.machine == workshop.trust.machine
    verify_installed(workshop.candidate(), again, before[1])


def test_a_running_instance_knows_the_key_that_another_process_makes(workshop: Any) -> None:
    workshop.checkout()
    running = LocalSignatures(workshop.home, workshop.trust)
    candidate = workshop.candidate()
    assert running.token(candidate) is None
    LocalSignatures(workshop.home, TrustStore.load(workshop.home)).sign(candidate)
    assert verify_installed(candidate, workshop.trust, running.token(candidate)).publisher.name == "this machine"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: (w.package / "sums.py").write_text(w.evil), "sums.py was changed"),
        (lambda w: (w.package / "new.py").write_text(w.evil), "new.py was added"),
        (lambda w: (w.package / "deep/module.py").unlink(), "deep/module.py is missing"),
        (lambda w: (w.dist_info / "entry_points.txt").write_text("[meterhub.plugins]\na = b\n"), "was changed"),
        (lambda w: (w.dist_info / "METADATA").write_text("Name: Acme_Adder\nVersion: 1.0.0\n"), "METADATA was changed"),
    ],
)
def test_a_checkout_that_changed_needs_a_new_signature(workshop: Any, change: Any, sentence: str) -> None:
    workshop.checkout()
    local = LocalSignatures(workshop.home, workshop.trust)
    local.sign(workshop.candidate())
    change(workshop)
    candidate = workshop.candidate()
    with pytest.raises(Modified, match=sentence):
        verify_installed(candidate, workshop.trust, local.token(candidate))
    assert workshop.load(local=local.token(candidate))["error"] == "Modified"
    assert not workshop.marker.exists()


def test_what_editors_leave_is_no_part_of_a_checkout_and_cannot_be_imported(workshop: Any) -> None:
    workshop.checkout()
    local = LocalSignatures(workshop.home, workshop.trust)
    local.sign(workshop.candidate())
    (workshop.package / "sums.py~").write_text(workshop.evil)
    (workshop.package / ".cache").mkdir()
    (workshop.package / ".cache/x.py").write_text(workshop.evil)
    (workshop.package / "extra.pyc").write_bytes(b"")
    workshop.modules.append("acme_adder.extra")
    imported = workshop.load(local=local.token(workshop.candidate()))["imported"]
    assert imported["acme_adder"] == "good"
    assert imported["acme_adder.extra"].startswith("ModuleNotFoundError")


def test_a_checkout_without_a_signature_is_unsigned(workshop: Any) -> None:
    workshop.checkout()
    local = LocalSignatures(workshop.home, workshop.trust)
    assert local.token(workshop.candidate()) is None
    with pytest.raises(Unsigned, match="not signed on this machine"):
        verify_installed(workshop.candidate(), workshop.trust, None)


def test_a_wheel_signed_with_the_machines_key_is_refused(workshop: Any) -> None:
    workshop.checkout()
    LocalSignatures(workshop.home, workshop.trust).sign(workshop.candidate())
    key = load_key((workshop.home / "machine.key").read_bytes())
    wheel = workshop.wheel()
    sign_wheel(wheel, key, workshop.trust.machine.kid)
    with pytest.raises(Untrusted, match="signs checkouts only"):
        verify_wheel(wheel, workshop.trust)
    (workshop.dist_info / "direct_url.json").unlink()
    workshop.unpack(wheel)
    with pytest.raises(Untrusted, match="signs checkouts only"):
        verify_installed(workshop.candidate(), workshop.trust)


def test_the_machines_key_under_another_name_is_not_known(workshop: Any) -> None:
    workshop.checkout()
    LocalSignatures(workshop.home, workshop.trust).sign(workshop.candidate())
    key = load_key((workshop.home / "machine.key").read_bytes())
    wheel = workshop.wheel()
    sign_wheel(wheel, key, "acme-2026")
    with pytest.raises(Untrusted, match="not known here"):
        verify_wheel(wheel, workshop.trust)


def test_a_publishers_key_does_not_sign_checkouts(workshop: Any) -> None:
    workshop.checkout()
    workshop.trusted()
    local = LocalSignatures(workshop.home, workshop.trust)
    manifest: Manifest = local.sign(workshop.candidate())
    token = sign_manifest(manifest, workshop.key, workshop.kid, 1_700_000_000)
    with pytest.raises(Untrusted, match="signed by this machine's key"):
        verify_installed(workshop.candidate(), workshop.trust, token)


def test_another_machine_does_not_know_the_key(workshop: Any) -> None:
    workshop.checkout()
    local = LocalSignatures(workshop.home, workshop.trust)
    local.sign(workshop.candidate())
    with pytest.raises(Untrusted, match="not known here"):
        verify_installed(workshop.candidate(), TrustStore(), local.token(workshop.candidate()))


def test_an_installed_wheel_is_not_signed_here(workshop: Any) -> None:
    workshop.install()
    with pytest.raises(Invalid, match="not an editable installation"):
        LocalSignatures(workshop.home, workshop.trust).sign(workshop.candidate())
    assert not (workshop.home / "machine.key").exists()


def test_a_damaged_key_is_said_and_not_replaced(workshop: Any) -> None:
    (workshop.home / "machine.key").write_text("no key")
    with pytest.raises(TrustStoreError, match=r"machine\.key cannot be used"):
        LocalSignatures(workshop.home, workshop.trust)
    assert (workshop.home / "machine.key").read_text() == "no key"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("plugin.toml", "sdk = 1", "plugin.toml cannot be read"),
        ("plugin.toml", 'sdk = ">=0.1"\ncapabilities = ["all"]', "the capability 'all' is not known"),
        ("native.so", "", "native.so cannot be signed"),
    ],
)
def test_a_checkout_that_cannot_be_signed_says_why(workshop: Any, name: str, text: str, sentence: str) -> None:
    workshop.checkout()
    (workshop.package / name).write_text(text)
    with pytest.raises(Invalid, match=sentence):
        LocalSignatures(workshop.home, workshop.trust).sign(workshop.candidate())


def test_a_checkout_that_is_gone_says_so(workshop: Any) -> None:
    source = workshop.checkout()
    source.parent.rename(workshop.directory / "moved")
    (candidate,) = discover([str(workshop.site)])
    with pytest.raises(Modified, match="is missing"):
        LocalSignatures(workshop.home, workshop.trust).sign(candidate)
