"""Everything that was tried to get other code to run than was signed. Evil code writes a marker file."""

from __future__ import annotations

import hmac
import importlib.util
import json
import os
import py_compile
import shutil
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey
from meterhub_sdk.manifest import TYPE, Manifest, digest
from meterhub_sdk.signing import REGISTRY

from meterhub.trust import (
    Candidate,
    Expired,
    Invalid,
    Modified,
    Revoked,
    TooNew,
    TrustError,
    Unsigned,
    Untrusted,
    verify_installed,
)

MADE = 1_700_000_000


@dataclass(frozen=True)
class Attack:
    name: str
    expected: type[TrustError] | None
    prepare: Callable[[Any], None]
    plain_is_evil: bool = False
    """Python without verification runs the evil code: the attack is a real one."""


ATTACKS: list[Attack] = []


def attack(expected: type[TrustError] | None, *, plain_is_evil: bool = False) -> Callable[[Any], Any]:
    def register(prepare: Callable[[Any], None]) -> Callable[[Any], None]:
        ATTACKS.append(Attack(prepare.__name__, expected, prepare, plain_is_evil))
        return prepare

    return register


def installed(expected: type[TrustError] | None, *, plain_is_evil: bool = False) -> Callable[[Any], Any]:
    """An attack on a plugin that is trusted, signed and installed."""

    def register(change: Callable[[Any], None]) -> Callable[[Any], None]:
        def prepare(workshop: Any) -> None:
            workshop.install()
            change(workshop)

        ATTACKS.append(Attack(change.__name__, expected, prepare, plain_is_evil))
        return change

    return register


@installed(None)
def untouched(workshop: Any) -> None:
    pass


@attack(Unsigned)
def wheel_never_signed(workshop: Any) -> None:
    workshop.unpack(workshop.wheel())


@installed(Unsigned)
def signature_deleted(workshop: Any) -> None:
    workshop.jws.unlink()


@attack(Untrusted)
def key_unknown(workshop: Any) -> None:
    workshop.unpack(workshop.signed())


@attack(Expired)
def key_expired_before_signing(workshop: Any) -> None:
    workshop.trusted(not_after=MADE - 1)
    workshop.unpack(workshop.signed())


@attack(Expired)
def key_not_yet_valid_at_signing(workshop: Any) -> None:
    workshop.trusted(not_before=MADE + 1)
    workshop.unpack(workshop.signed())


@attack(Untrusted)
def publisher_not_trusted_for_the_name(workshop: Any) -> None:
    workshop.trusted(names=("other-*",))
    workshop.unpack(workshop.signed())


@installed(Modified, plain_is_evil=True)
def source_edited(workshop: Any) -> None:
    (workshop.package / "sums.py").write_text(workshop.evil)


@installed(Modified)
def data_edited(workshop: Any) -> None:
    (workshop.package / "data/table.txt").write_text("other\n")


@installed(Modified)
def file_removed(workshop: Any) -> None:
    (workshop.package / "data/table.txt").unlink()


@installed(Modified, plain_is_evil=True)
def file_replaced_by_a_link(workshop: Any) -> None:
    other = workshop.directory / "other.py"
    other.write_text(workshop.evil)
    (workshop.package / "sums.py").unlink()
    (workshop.package / "sums.py").symlink_to(other)


@installed(Modified)
def file_replaced_by_a_link_to_its_equal(workshop: Any) -> None:
    (workshop.package / "sums.py").rename(workshop.directory / "sums.py")
    (workshop.package / "sums.py").symlink_to(workshop.directory / "sums.py")


@installed(Modified)
def directory_replaced_by_a_link(workshop: Any) -> None:
    (workshop.package / "deep").rename(workshop.directory / "deep")
    (workshop.package / "deep").symlink_to(workshop.directory / "deep")


@installed(Modified)
def package_replaced_by_a_link(workshop: Any) -> None:
    workshop.package.rename(workshop.directory / "moved")
    workshop.package.symlink_to(workshop.directory / "moved")


@installed(Modified)
def file_replaced_by_a_pipe(workshop: Any) -> None:
    (workshop.package / "sums.py").unlink()
    os.mkfifo(workshop.package / "sums.py")


@installed(Modified)
def file_grown_beyond_the_limit(workshop: Any) -> None:
    os.truncate(workshop.package / "sums.py", 17 * 2**20)


@installed(Modified, plain_is_evil=True)
def module_added(workshop: Any) -> None:
    (workshop.package / "planted.py").write_text(workshop.evil)
    workshop.modules.append("acme_adder.planted")


@installed(Modified, plain_is_evil=True)
def package_added_that_shadows_a_module(workshop: Any) -> None:
    (workshop.package / "sums").mkdir()
    (workshop.package / "sums/__init__.py").write_text(workshop.evil)


@installed(Modified)
def native_library_added_beside_the_source(workshop: Any) -> None:
    (workshop.package / "sums.abi3.so").write_bytes(b"\x7fELF")


@installed(Modified, plain_is_evil=True)
def source_replaced_by_byte_code(workshop: Any) -> None:
    plant(workshop, py_compile.PycInvalidationMode.UNCHECKED_HASH, workshop.package / "sums.pyc")
    (workshop.package / "sums.py").unlink()


def plant(workshop: Any, mode: py_compile.PycInvalidationMode, path: Path | None = None) -> None:
    """Evil byte code for ``sums.py`` that Python believes to be compiled from the good source."""
    good = workshop.package / "sums.py"
    evil = workshop.directory / "evil.py"
    evil.write_text(workshop.evil)
    cached = path or Path(importlib.util.cache_from_source(str(good)))
    cached.parent.mkdir(exist_ok=True)
    py_compile.compile(str(evil), str(cached), invalidation_mode=mode)
    data = bytearray(cached.read_bytes())
    if mode is py_compile.PycInvalidationMode.TIMESTAMP:
        data[8:12] = int(good.stat().st_mtime).to_bytes(4, "little")
        data[12:16] = good.stat().st_size.to_bytes(4, "little")
    else:
        data[8:16] = importlib.util.source_hash(good.read_bytes())
    cached.write_bytes(data)


@installed(None, plain_is_evil=True)
def byte_code_planted_with_the_timestamp(workshop: Any) -> None:
    plant(workshop, py_compile.PycInvalidationMode.TIMESTAMP)


@installed(None, plain_is_evil=True)
def byte_code_planted_with_an_unchecked_hash(workshop: Any) -> None:
    plant(workshop, py_compile.PycInvalidationMode.UNCHECKED_HASH)


@installed(None, plain_is_evil=True)
def byte_code_planted_with_the_right_hash(workshop: Any) -> None:
    plant(workshop, py_compile.PycInvalidationMode.CHECKED_HASH)


@installed(Modified)
def byte_code_without_source_added(workshop: Any) -> None:
    plant(workshop, py_compile.PycInvalidationMode.UNCHECKED_HASH, workshop.package / "extra.pyc")


@installed(Modified, plain_is_evil=True)
def entry_point_swapped(workshop: Any) -> None:
    (workshop.site / "stranger.py").write_text(workshop.evil)
    (workshop.dist_info / "entry_points.txt").write_text("[meterhub.plugins]\nadder = stranger\n")


@installed(Modified)
def version_changed(workshop: Any) -> None:
    metadata = workshop.dist_info / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0.0", "1.0.1"))


@installed(Modified)
def metadata_changed_elsewhere(workshop: Any) -> None:
    with (workshop.dist_info / "METADATA").open("a") as file:
        file.write("Requires-Dist: evil\n")


@installed(Modified)
def signature_used_for_a_copy_beside(workshop: Any) -> None:
    """The same name and version again, in another directory that sorts first."""
    copy = workshop.site / "Acme_Adder-1.0.0.dist-info"
    shutil.copytree(workshop.dist_info, copy)
    (copy / "entry_points.txt").write_text("[meterhub.plugins]\nadder = stranger\n")
    (workshop.site / "stranger.py").write_text(workshop.evil)


def rewrite(workshop: Any, change: Callable[[bytes], bytes]) -> None:
    workshop.jws.write_bytes(change(workshop.jws.read_bytes()))


@installed(Invalid)
def signature_bit_flipped(workshop: Any) -> None:
    def flip(token: bytes) -> bytes:
        head, payload, signature = token.split(b".")
        raw = bytearray(urlsafe_b64decode(signature + b"=="))
        raw[5] ^= 1
        return b".".join((head, payload, urlsafe_b64encode(raw).rstrip(b"=")))

    rewrite(workshop, flip)


def header(workshop: Any, **changes: Any) -> bytes:
    fields = {"alg": "Ed25519", "typ": TYPE, "kid": workshop.kid, "iat": MADE, **changes}
    return urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=")


@installed(Invalid)
def algorithm_none(workshop: Any) -> None:
    rewrite(workshop, lambda token: header(workshop, alg="none") + b"." + token.split(b".")[1] + b".")


@installed(Invalid)
def algorithm_confused(workshop: Any) -> None:
    """The public key, which everybody has, as the secret of an HMAC."""

    def forge(token: bytes) -> bytes:
        signed = header(workshop, alg="HS256") + b"." + token.split(b".")[1]
        secret = workshop.trust.publisher(workshop.kid).key.public_bytes_raw()
        return signed + b"." + urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")

    rewrite(workshop, forge)


@installed(Invalid)
def signature_is_noise(workshop: Any) -> None:
    rewrite(workshop, lambda _: b"\xff\x00.e30.e30")


@installed(Invalid)
def signature_is_huge(workshop: Any) -> None:
    rewrite(workshop, lambda token: token + b"A" * 2_000_000)


@installed(Invalid)
def signature_replaced_by_a_link(workshop: Any) -> None:
    workshop.jws.rename(workshop.directory / "moved.jws")
    workshop.jws.symlink_to(workshop.directory / "moved.jws")


def sign(workshop: Any, payload: bytes, **changes: Any) -> None:
    """A signature of the trusted key over any payload with any header."""
    fields = {"alg": "Ed25519", "typ": TYPE, "kid": workshop.kid, "iat": MADE, **changes}
    fields = {name: value for name, value in fields.items() if value is not None}
    registry = jws.JWSRegistry(strict_check_header=False, algorithms=["Ed25519"])
    token = jws.serialize_compact(fields, payload, OKPKey.import_key(workshop.key), registry=registry)
    workshop.jws.write_text(token)


def payload(workshop: Any) -> bytes:
    signed = jws.extract_compact(workshop.jws.read_bytes(), registry=REGISTRY).payload
    assert isinstance(signed, bytes)
    return signed


def resign(workshop: Any, **changes: Any) -> None:
    fields = json.loads(payload(workshop)) | changes
    sign(workshop, json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


@installed(Invalid)
def signed_for_another_purpose(workshop: Any) -> None:
    sign(workshop, payload(workshop), typ="licence+jws")


@installed(Invalid)
def signed_without_a_time(workshop: Any) -> None:
    sign(workshop, payload(workshop), iat=None)


@installed(Invalid)
def signed_with_its_own_key_in_the_header(workshop: Any) -> None:
    workshop.key = Ed25519PrivateKey.generate()
    sign(workshop, payload(workshop), jwk=OKPKey.import_key(workshop.key).as_dict(private=False))


@installed(TooNew)
def manifest_of_a_later_format(workshop: Any) -> None:
    resign(workshop, format=2, novelty=True)


@installed(TooNew)
def sdk_of_a_later_time(workshop: Any) -> None:
    resign(workshop, sdk=">=99")


@installed(Invalid)
def manifest_with_a_capability_nobody_knows(workshop: Any) -> None:
    resign(workshop, capabilities=["everything"])


@installed(Invalid)
def manifest_that_reaches_outside(workshop: Any) -> None:
    files = json.loads(payload(workshop))["files"]
    resign(workshop, files={**files, "acme_adder/../../secret": "A" * 43})


@installed(Invalid)
def manifest_for_a_package_of_python_itself(workshop: Any) -> None:
    files = json.loads(payload(workshop))["files"]
    resign(workshop, packages=["smtplib"], files={**files, "smtplib/__init__.py": "A" * 43})


@installed(Invalid)
def manifest_without_the_entry_points(workshop: Any) -> None:
    files = json.loads(payload(workshop))["files"]
    del files["acme_adder-1.0.0.dist-info/entry_points.txt"]
    resign(workshop, files=files)


@attack(Invalid)
def signed_entry_point_that_leaves_the_plugin(workshop: Any) -> None:
    workshop.install()
    text = b"[meterhub.plugins]\nadder = stranger\n"
    (workshop.dist_info / "entry_points.txt").write_bytes(text)
    files = json.loads(payload(workshop))["files"]
    resign(workshop, files={**files, "acme_adder-1.0.0.dist-info/entry_points.txt": digest(text)})


@installed(None, plain_is_evil=True)
def directory_earlier_on_the_path(workshop: Any) -> None:
    shadow = workshop.directory / "shadow" / "acme_adder"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text(workshop.evil)
    workshop.before.append(str(shadow.parent))


@installed(Modified)
def package_imported_by_a_pth_file_before(workshop: Any) -> None:
    code = "import sys, types; sys.modules['acme_adder'] = types.ModuleType('acme_adder')"
    (workshop.site / "aaa.pth").write_text(code + "\n")


@installed(Modified)
def submodule_imported_by_a_pth_file_before(workshop: Any) -> None:
    code = "import sys, types; sys.modules['acme_adder.sums'] = types.ModuleType('acme_adder.sums')"
    (workshop.site / "aaa.pth").write_text(code + "\n")


@installed(None)
def junk_among_the_byte_code(workshop: Any) -> None:
    (workshop.package / "__pycache__").mkdir()
    (workshop.package / "__pycache__/junk.txt").write_text("junk")
    (workshop.package / "empty").mkdir()


@installed(None)
def files_swapped_after_the_verification(workshop: Any) -> None:
    workshop.swap[str(workshop.package / "sums.py")] = workshop.evil
    workshop.swap[str(workshop.package / "__init__.py")] = workshop.evil


@installed(Unsigned)
def wheel_made_to_look_like_a_checkout(workshop: Any) -> None:
    other = workshop.directory / "other" / "acme_adder"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(workshop.evil)
    record = {"url": other.parent.as_uri(), "dir_info": {"editable": True}}
    (workshop.dist_info / "direct_url.json").write_text(json.dumps(record))


@attack(Revoked)
def key_revoked(workshop: Any) -> None:
    workshop.install()
    workshop.trust.revoke(workshop.kid)


@attack(Revoked)
def release_withdrawn(workshop: Any) -> None:
    workshop.install()
    workshop.trust.revoke_release(Manifest.decode(payload(workshop)).digest)


@attack(None)
def key_revoked_but_release_still_good(workshop: Any) -> None:
    workshop.install()
    workshop.trust.revoke(workshop.kid, [Manifest.decode(payload(workshop)).digest])


def answered(candidate: Candidate, workshop: Any) -> type[TrustError] | None:
    try:
        verify_installed(candidate, workshop.trust)
    except TrustError as error:
        return type(error)
    return None


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_only_signed_code_runs(case: Attack, workshop: Any) -> None:
    case.prepare(workshop)
    if "_by_a_pth_file_" not in case.name:  # only the process that read the .pth file can know
        assert answered(workshop.candidate(), workshop) == case.expected
    answer = workshop.load()
    assert answer["error"] == (case.expected.__name__ if case.expected else None), answer
    if case.expected is None:
        assert answer["imported"] == {"acme_adder": "good"}
    assert not workshop.marker.exists()


@pytest.mark.parametrize("case", [case for case in ATTACKS if case.plain_is_evil], ids=lambda case: case.name)
def test_the_same_attack_succeeds_against_python_alone(case: Attack, workshop: Any) -> None:
    case.prepare(workshop)
    workshop.load(plain=True)
    assert workshop.marker.exists()


def test_a_signature_is_good_for_one_distribution_only(workshop: Any) -> None:
    workshop.install()
    copy = workshop.site / "acme_other-1.0.0.dist-info"
    shutil.copytree(workshop.dist_info, copy)
    metadata = copy / "METADATA"
    metadata.write_text(metadata.read_text().replace("Acme_Adder", "acme-other"))
    with pytest.raises(Modified, match=r"was signed as acme-adder 1\.0\.0"):
        verify_installed(workshop.candidate("acme-other"), workshop.trust)


def test_a_module_written_after_the_verification_does_not_exist(workshop: Any) -> None:
    workshop.install()
    workshop.swap[str(workshop.package / "late.py")] = workshop.evil
    workshop.modules += ["acme_adder.late", "acme_adder.deep.module"]
    imported = workshop.load()["imported"]
    assert imported["acme_adder.late"].startswith("ModuleNotFoundError: 'acme_adder.late' is not part of the signed")
    assert imported["acme_adder.deep.module"] == "deep"
    assert not workshop.marker.exists()


def test_a_refusal_says_who_what_and_what_to_do(workshop: Any) -> None:
    workshop.install()
    (workshop.package / "sums.py").write_text(workshop.evil)
    with pytest.raises(Modified) as caught:
        verify_installed(workshop.candidate(), workshop.trust)
    assert (caught.value.distribution, caught.value.sentence) == ("Acme_Adder", "acme_adder/sums.py was changed")
    assert str(caught.value).startswith("Acme_Adder: acme_adder/sums.py was changed; install the plugin again")
