"""Vendors make a key once, and an instance trusts those it was told to, for what it was told."""

import json
import stat
from datetime import date

import pytest
from joserfc.jwk import ECKey, OKPKey

from meterhub.licensing import vendor_keys
from meterhub.licensing.errors import LicenceMalformed, VendorError
from meterhub.licensing.licence import verify
from meterhub.licensing.vendor import VendorFiles, issue, new_vendor
from meterhub.licensing.vendor_keys import VendorKeys


@pytest.fixture
def keys(tmp_path):
    return VendorKeys(tmp_path / "trust" / "vendors.json")


def again(tmp_path):
    return VendorKeys(tmp_path / "trust" / "vendors.json")


def test_the_private_key_is_private_and_the_public_one_says_nothing_of_it(acme):
    assert stat.S_IMODE(acme.files.private.stat().st_mode) == 0o600
    private = OKPKey.import_key(acme.files.private.read_bytes())
    assert private.is_private
    assert private.as_dict(private=True)["d"] not in acme.files.public.read_text()
    assert set(json.loads(acme.public)["key"]) == {"kty", "crv", "x"}


@pytest.mark.parametrize("kept", ["private", "public"])
def test_a_key_is_never_made_over_another(acme, kept):
    for name in {"private", "public"} - {kept}:
        getattr(acme.files, name).unlink()
    before = getattr(acme.files, kept).read_bytes()
    with pytest.raises(VendorError, match="exists already"):
        new_vendor("ACME Metering", acme.files.private.parent)
    assert getattr(acme.files, kept).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "file"), [("ACME Métering", "acme-metering"), ("電力", "vendor"), ("a/../b", "a-b"), ("x" * 100, "x" * 40)]
)
def test_any_name_makes_a_harmless_file_name(tmp_path, name, file):
    files = new_vendor(name, tmp_path)
    assert files == VendorFiles(tmp_path / f"{file}.pem", tmp_path / f"{file}.json")
    assert json.loads(files.public.read_bytes())["name"] == name


@pytest.mark.parametrize("name", ["", " ACME", "A\nB", "x" * 101])
def test_a_name_that_cannot_stand_in_a_licence_is_refused(tmp_path, name):
    with pytest.raises(VendorError, match="name of a vendor"):
        new_vendor(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_vendor_issues_its_customer_believes(acme, keys):
    key = keys.add(acme.public)
    licence = verify(acme.licence("a.b"), keys.keys(), product="meterhub", serial="MH-4F2A91C07B55", now=None)
    assert (licence.vendor, licence.features) == ("ACME Metering", ("a.b",))
    assert len(key.fingerprint) == 43


def test_a_licence_is_not_issued_with_a_foreign_or_useless_key(acme, other_vendor, tmp_path):
    foreign = VendorFiles(other_vendor.files.private, acme.files.public)
    (tmp_path / "ec.pem").write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    public = OKPKey.import_key(acme.files.private.read_bytes()).as_pem(private=False)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "empty.pem").write_bytes(b"")
    useless = [
        VendorFiles(tmp_path / name, acme.files.public) for name in ("ec.pem", "public.pem", "empty.pem", "no.pem")
    ]
    for files in (foreign, *useless):
        with pytest.raises(VendorError):
            issue(files, serial="MH-1", number="1", features=["a"], issued=date(2026, 1, 1))


def test_a_licence_is_not_issued_with_a_malformed_field(acme):
    with pytest.raises(LicenceMalformed, match=r"line 8: expected a feature such as synth\.losses, found '  Synth'"):
        acme.licence("Synth")


def test_trusted_vendors_outlive_a_restart_and_removed_ones_do_not(acme, other_vendor, keys, tmp_path):
    one = keys.add(acme.public, ["synth.*", "acme.*"])
    other = keys.add(other_vendor.public)
    assert stat.S_IMODE((tmp_path / "trust" / "vendors.json").stat().st_mode) == 0o600
    kept = again(tmp_path).keys()
    assert {kid: (key.name, key.features, key.fingerprint) for kid, key in kept.items()} == {
        key.kid: (key.name, key.features, key.fingerprint) for key in (one, other)
    }
    keys.remove(one.kid)
    assert list(keys.keys()) == list(again(tmp_path).keys()) == [other.kid]
    with pytest.raises(VendorError, match="no trusted vendor"):
        keys.remove(one.kid)


@pytest.mark.parametrize(
    ("patterns", "feature", "may"),
    [
        (["*"], "any.thing", True),
        (["acme.*"], "acme.losses", True),
        (["acme.*"], "acmes.losses", False),
        (["acme.*"], "x.acme.losses", False),
        (["acme.losses"], "acme.losses", True),
        (["acme.losses"], "acmexlosses", False),
        (["acme.losses"], "acme.losses2", False),
        (["a.*", "b.*"], "b.x", True),
    ],
)
def test_a_vendor_may_license_what_its_patterns_cover(acme, keys, patterns, feature, may):
    assert keys.add(acme.public, patterns).may_license(feature) is may


@pytest.mark.parametrize("patterns", [[], [""], ["[a-z]*"], ["a?"], ["A"], ["a b"], ["x" * 101], ["a"] * 51])
def test_malformed_patterns_are_refused(acme, keys, patterns):
    with pytest.raises(VendorError, match="pattern"):
        keys.add(acme.public, patterns)
    assert keys.keys() == {}


@pytest.mark.parametrize(
    "change",
    [
        {"kid": "A/B"},
        {"kid": ""},
        {"name": "A\nB"},
        {"format": 2},
        {"extra": 1},
        {"key": {"kty": "OKP", "crv": "Ed25519", "x": "short"}},
        {"key": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}},
        {"key": {"kty": "oct", "k": "AAAA"}},
        {"key": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "d": "A" * 43}},
        {"name": "x" * 5_000},
    ],
)
def test_what_is_no_public_key_is_refused(acme, keys, tmp_path, change):
    with pytest.raises(VendorError):
        keys.add(json.dumps({**json.loads(acme.public), **change}).encode())
    assert keys.keys() == {}
    assert not (tmp_path / "trust" / "vendors.json").exists()


def test_one_key_identifier_is_trusted_once(acme, other_vendor, keys):
    key = keys.add(acme.public)
    impostor = {**json.loads(other_vendor.public), "kid": key.kid}
    for document in (acme.public, json.dumps(impostor).encode()):
        with pytest.raises(VendorError, match="trusted already"):
            keys.add(document)
    assert keys.keys()[key.kid].fingerprint == key.fingerprint


def test_there_is_a_limit_to_vendors(acme, other_vendor, keys, monkeypatch):
    monkeypatch.setattr(vendor_keys, "COUNT_LIMIT", 1)
    keys.add(acme.public)
    with pytest.raises(VendorError, match="room for 1"):
        keys.add(other_vendor.public)


def test_a_full_disk_keeps_the_vendors_as_they_were(acme, other_vendor, keys, tmp_path, monkeypatch):
    keys.add(acme.public)

    def no_space(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vendor_keys, "replace_atomically", no_space)
    with pytest.raises(VendorError, match="stay as they were"):
        keys.add(other_vendor.public)
    assert len(keys.keys()) == len(again(tmp_path).keys()) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"vendor": 1}]', b"\xff"])
def test_a_damaged_file_of_vendors_is_refused_and_left_alone(keys, tmp_path, content):
    path = tmp_path / "trust" / "vendors.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(VendorError, match="restore it from a backup"):
        again(tmp_path)
    assert path.read_bytes() == content
