"""Manifests, declarations, keys and signed wheels."""

from __future__ import annotations

import contextlib
import json
import stat
import string
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey
from meterhub_sdk.declaration import Limits, check_capability
from meterhub_sdk.layout import check_path, entry_modules
from meterhub_sdk.manifest import (
    DESCRIPTION_FILE,
    FILENAME,
    TYPE,
    Manifest,
    ManifestError,
    UnknownFormat,
    digest,
    read_plugin_toml,
)
from meterhub_sdk.signing import REGISTRY, fingerprint, load_key, new_key, public_jwk, sign_manifest, sign_wheel
from meterhub_sdk.wheel import read_wheel

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
INFO = "acme_adder-1.0.0.dist-info"
TOML = b"""
sdk = ">=0.1,<1"
features = ["synth.adder"]
capabilities = ["points.read:**"]
[limits]
memory = "64 MB"
cpu = 0.5
"""
CONTENT = {
    "acme_adder/__init__.py": b"",
    "acme_adder/plugin.toml": TOML,
    f"{INFO}/METADATA": b"Metadata-Version: 2.4\nName: Acme_Adder\nVersion: 1.0.0\n",
    f"{INFO}/entry_points.txt": b"[meterhub.plugins]\nadder = acme_adder\n",
}


def manifest(extra: Mapping[str, bytes] | None = None) -> Manifest:
    return Manifest.of("Acme_Adder", "1.0.0", ("acme_adder",), {**CONTENT, **(extra or {})})


def wheel(directory: Path, extra: Mapping[str, bytes] | None = None, left_out: str = "") -> Path:
    path = directory / "acme_adder-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**CONTENT, **(extra or {}), f"{INFO}/RECORD": b""}.items():
            if name != left_out:
                archive.writestr(name, data)
    return path


NAMES = st.text(st.sampled_from(string.ascii_letters + string.digits + "_-ü (),"), min_size=1, max_size=20).filter(
    lambda name: name.strip("./") == name
)
FILES = st.dictionaries(NAMES.map(lambda name: f"acme_adder/{name}.txt"), st.binary(max_size=50), max_size=20)


@settings(deadline=None)
@given(FILES, st.integers(0, 2**40), st.from_regex(r"[a-z0-9][a-z0-9._:@-]{0,60}", fullmatch=True))
def test_what_was_signed_is_what_is_read(files: dict[str, bytes], iat: int, kid: str) -> None:
    signed = manifest(files)
    token = sign_manifest(signed, KEY, kid, iat)
    assert token == sign_manifest(signed, KEY, kid, iat)
    opened = jws.deserialize_compact(token, OKPKey.import_key(KEY.public_key()), registry=REGISTRY)
    assert opened.protected == {"alg": "Ed25519", "typ": TYPE, "kid": kid, "iat": iat}
    assert opened.payload is not None
    again = Manifest.decode(opened.payload)
    assert again == signed
    assert again.digest == digest(opened.payload)
    other = OKPKey.import_key(Ed25519PrivateKey.generate().public_key())
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(token, other, registry=REGISTRY)


def test_five_hundred_files_with_long_names_can_be_signed() -> None:
    large = manifest({f"acme_adder/{'x' * 180}/{number}.txt": b"" for number in range(500)})
    token = sign_manifest(large, KEY, "acme-2026", 1)
    payload = jws.deserialize_compact(token, OKPKey.import_key(KEY.public_key()), registry=REGISTRY).payload
    assert payload is not None
    assert Manifest.decode(payload) == large


def test_a_manifest_says_what_its_plugin_toml_declares() -> None:
    made = manifest()
    assert (made.name, made.version, made.packages, made.dist_info) == ("acme-adder", "1.0.0", ("acme_adder",), INFO)
    assert (made.sdk, made.features, made.capabilities) == (">=0.1,<1", ("synth.adder",), ("points.read:**",))
    assert made.limits == Limits(memory=64 * 2**20, cpu=0.5)
    assert made.accepts("0.1.0")
    assert not made.accepts("1.0.0")


FAULTS: list[tuple[dict[str, object], str]] = [
    ({"format": "1"}, "cannot be read"),
    ({"novelty": 1}, "unknown field"),
    ({"name": "Acme_Adder"}, "not in normalised form"),
    ({"name": "../x"}, "not in normalised form"),
    ({"version": "one"}, "is not a version"),
    ({"version": "1.0.1"}, "does not belong to acme-adder 1.0.1"),
    ({"sdk": "any"}, "is not a range of versions"),
    ({"sdk": ""}, "is not a range of versions"),
    ({"packages": []}, "a plugin has one"),
    ({"packages": ["json"]}, "is taken"),
    ({"packages": ["meterhub_sdk"]}, "is taken"),
    ({"packages": ["acme adder"]}, "is not the name of a package"),
    ({"features": ["A B"]}, "is not the name of a feature"),
    ({"capabilities": ["root"]}, "capability 'root' is not known"),
    ({"limits": {"memory": 1, "cpu": 1.0}}, "16 MB to 16 GB will do"),
    ({"limits": {"memory": 2**27, "cpu": 0.0}}, "0.01 to 64 will do"),
    ({"files": {}}, "one .dist-info directory"),
]


@pytest.mark.parametrize(("change", "sentence"), FAULTS, ids=lambda value: str(value)[:40])
def test_a_manifest_that_is_not_sound_is_refused_in_one_sentence(change: dict[str, object], sentence: str) -> None:
    payload = json.dumps(json.loads(manifest().encode()) | change, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(ManifestError, match=sentence) as caught:
        Manifest.decode(payload)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"format":1}', "cannot be read"),
        (b"\xff", "cannot be read"),
        (b" " * 500_001, "at most 500,000 will do"),
        (b" " + manifest().encode(), "not written in its one spelling"),
    ],
)
def test_other_payloads_are_refused(payload: bytes, sentence: str) -> None:
    with pytest.raises(ManifestError, match=sentence):
        Manifest.decode(payload)


def test_a_later_format_is_told_from_a_fault() -> None:
    with pytest.raises(UnknownFormat, match="format 2"):
        Manifest.decode(b'{"format":2,"novelty":true}')


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_payload_is_a_manifest_or_a_fault(payload: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.decode(payload)


PATHS = [
    "a",
    "/a/b",
    "a//b",
    "a/../b",
    "./a/b",
    "a/b/",
    "a\\b/c",
    "a/b\n",
    "a.data/scripts/x",
    "a/" + "b" * 240,
    "",
    "a/\ud800",
]
CODE = ["a/b.pth", "a/b.so", "a/b.pyc", "a/libx.so.1", "a/__pycache__/b.py", "a/b.dll"]


@pytest.mark.parametrize("path", PATHS + CODE)
def test_paths_that_leave_the_package_or_hold_other_code_are_refused(path: str) -> None:
    with pytest.raises(ManifestError):
        check_path(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no entry point in the group"),
        ("[meterhub.plugins]\n", "no entry point in the group"),
        ("adder = acme_adder", "cannot be read"),
        ("[meterhub.plugins]\nadder", "cannot be read"),
        ("[meterhub.plugins]\na = os\n", "leaves the plugin"),
        ("[meterhub.plugins]\na = acme_adder.missing\n", "leaves the plugin"),
        ("[meterhub.plugins]\na = ../acme_adder\n", "leaves the plugin"),
        (
            "[meterhub.plugins]\na = acme_adder\n[console_scripts]\nb = acme_adder:main\n",
            "in the group 'console_scripts'",
        ),
    ],
)
def test_entry_points_stay_in_the_plugin_and_in_their_group(text: str, sentence: str) -> None:
    with pytest.raises(ManifestError, match=sentence):
        entry_modules(text.encode(), CONTENT)


def test_entry_points_may_name_an_object_of_a_submodule() -> None:
    text = b"[meterhub.plugins]\nAdder = acme_adder.deep:plugin.x\n# note\n"
    assert entry_modules(text, ["acme_adder/deep.py"]) == {"Adder": "acme_adder.deep"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "missing required field `sdk`"),
        ("sdk = 1", "at `\\$.sdk`"),
        ('sdk = ">=0.1"\nother = 1', "unknown field `other`"),
        ('sdk = ">=0.1"\n[limits]\nmemory = "1 TB"', "KB, MB or GB"),
        ('sdk = ">=0.1"\n[limits]\nmemory = 128', "cannot be read"),
        ('sdk = ">=0.1"\n[limits]\nmemory = "1 MB"', "16 MB to 16 GB"),
        ('sdk = ">=0.1"\n[limits]\ncpu = nan', "0.01 to 64"),
        ('sdk = ">=0.1"\ncapabilities = ["network", "network"]', "each once"),
        ("sdk = '''", "cannot be read"),
        ("#" * 70_000, "at most 65,536"),
    ],
)
def test_a_plugin_toml_that_is_not_sound_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ManifestError, match=sentence):
        read_plugin_toml(text.encode())


def test_a_plugin_toml_may_be_short() -> None:
    declared = read_plugin_toml(b'sdk = ">=0.1,<1"')
    assert (declared.features, declared.capabilities, declared.limits) == ((), (), Limits(memory=128 * 2**20, cpu=1.0))


@pytest.mark.parametrize(
    "capability", ["network", "serial", "interface", "processes", "points.read:**", "points.write:a/*"]
)
def test_known_capabilities_are_taken(capability: str) -> None:
    assert check_capability(capability) == capability


@pytest.mark.parametrize(
    "capability", ["", "Network", "points.read", "points.read:", "points.publish:a", "points.read:a//b", "network:x"]
)
def test_other_capabilities_are_named_in_the_error(capability: str) -> None:
    with pytest.raises(ManifestError) as caught:
        check_capability(capability)
    assert repr(capability) in str(caught.value)


def test_a_new_key_is_private_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "acme.pem"
    key = new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fingerprint(load_key(path.read_bytes())) == fingerprint(key) == fingerprint(key.public_key())
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        new_key(path)
    assert path.read_bytes() == before


def test_the_public_half_holds_nothing_secret() -> None:
    fields = json.loads(public_jwk(KEY, "acme-2026", "ACME Zähler"))
    assert fields.keys() == {"kty", "crv", "x", "kid", "name"}
    assert OKPKey.import_key({name: fields[name] for name in ("kty", "crv", "x")}).is_private is False


@pytest.mark.parametrize("kid", ["", "a b", "-a", "x" * 129, "ü"])
def test_a_key_has_a_plain_name(kid: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a key"):
        public_jwk(KEY, kid, "ACME")


@pytest.mark.parametrize(
    "data", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", b"x" * 5_000]
)
def test_what_is_no_key_is_said(data: bytes) -> None:
    with pytest.raises(ValueError, match="holds no"):
        load_key(data)


def test_a_wheel_is_signed_in_the_same_way_each_time(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    made = sign_wheel(path, KEY, "acme-2026", 0, {DESCRIPTION_FILE: b"{}"})
    first = path.read_bytes()
    assert sign_wheel(path, KEY, "acme-2026", 0, {DESCRIPTION_FILE: b"{}"}) == made
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert made.files[f"{INFO}/{DESCRIPTION_FILE}"] == digest(b"{}")


def test_the_record_names_every_file_with_its_hash(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    sign_wheel(path, KEY, "acme-2026", 0)
    with zipfile.ZipFile(path) as archive:
        rows = [line.split(",") for line in archive.read(f"{INFO}/RECORD").decode().splitlines()]
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, hashed, size in rows:
            data = archive.read(name)
            assert (hashed, size) == (
                ("", "") if name.endswith("/RECORD") else (f"sha256={digest(data)}", str(len(data)))
            )
    opened = read_wheel(path)
    assert opened.signature is not None
    payload = jws.deserialize_compact(opened.signature, OKPKey.import_key(KEY.public_key()), registry=REGISTRY).payload
    assert payload is not None
    assert Manifest.decode(payload).files == {name: digest(data) for name, data in opened.files.items()}
    assert f"{INFO}/{FILENAME}" not in opened.files


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("acme_adder/link.py")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


UNSIGNABLE: list[tuple[str | zipfile.ZipInfo, str]] = [
    ("evil.pth", "lies outside"),
    ("acme_adder/x.pth", "cannot be signed"),
    ("acme_adder/x.pyc", "cannot be signed"),
    ("acme_adder/x.cpython-311-x86_64-linux-gnu.so", "cannot be signed"),
    ("acme_adder-1.0.0.data/scripts/run", "lies outside"),
    ("other/__init__.py", "one package and one .dist-info"),
    ("other-1.0.0.dist-info/METADATA", "one package and one .dist-info"),
    ("/acme_adder/x.py", "not a plain relative one"),
    ("acme_adder/../x.py", "not a plain relative one"),
    ("../x/", "not a plain relative one"),
    ("acme_adder/__init__.py", "in the wheel twice"),
    (link(), "is not a plain file"),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("entry", "sentence"), UNSIGNABLE, ids=lambda value: str(value)[:40])
def test_what_cannot_be_signed_is_refused_and_the_wheel_left_alone(
    tmp_path: Path, entry: str | zipfile.ZipInfo, sentence: str
) -> None:
    path = wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, b"")
    before = path.read_bytes()
    with pytest.raises(ManifestError, match=sentence):
        sign_wheel(path, KEY, "acme-2026", 0)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        ("acme_adder/__init__.py", "namespace package"),
        ("acme_adder/plugin.toml", "plugin.toml is missing"),
        (f"{INFO}/METADATA", "gives no name and version"),
        (f"{INFO}/entry_points.txt", "every plugin has it"),
    ],
)
def test_a_wheel_without_what_every_plugin_has_is_refused(tmp_path: Path, left_out: str, sentence: str) -> None:
    path = wheel(tmp_path, left_out=left_out)
    with pytest.raises(ManifestError, match=sentence):
        sign_wheel(path, KEY, "acme-2026", 0)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("acme_adder-1.0.0-cp311-cp311-linux_x86_64.whl", "built for one kind of machine"),
        ("acme_adder-2.0.0-py3-none-any.whl", "holds acme-adder 1.0.0"),
        ("acme_adder.zip", "is not the name of a wheel"),
    ],
)
def test_the_name_of_the_file_must_fit(tmp_path: Path, name: str, sentence: str) -> None:
    path = wheel(tmp_path).rename(tmp_path / name)
    with pytest.raises(ManifestError, match=sentence):
        sign_wheel(path, KEY, "acme-2026", 0)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_wheel_is_a_fault_and_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    path = wheel(tmp_path)
    sign_wheel(path, KEY, "acme-2026", 0)
    whole = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.sampled_from([None, -1, -30, len(whole) // 2]))])
    with contextlib.suppress(ManifestError):
        read_wheel(path)
