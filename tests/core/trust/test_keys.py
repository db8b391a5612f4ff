"""The trust store: who may sign what, and what was withdrawn."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_sdk.signing import fingerprint, public_jwk

from meterhub.trust import Publisher, TrustStore, TrustStoreError
from meterhub.trust.keys import _overlap

DIGEST = "A" * 43
NAMES = st.from_regex(r"[ab*]{1,4}(-[ab*]{1,3})?", fullmatch=True)


def publisher(kid: str = "acme-2026", names: tuple[str, ...] = ("acme-*",)) -> Publisher:
    return Publisher.from_jwk(public_jwk(Ed25519PrivateKey.generate(), kid, "ACME Metering"), names)


def test_a_new_home_trusts_the_vendor_alone(tmp_path: Path) -> None:
    store = TrustStore.load(tmp_path)
    for vendor in store.publishers:
        vendor.check()
    assert not (tmp_path / "trust.json").exists()


def test_what_was_changed_is_there_after_a_restart(tmp_path: Path) -> None:
    store = TrustStore.load(tmp_path)
    added = publisher()
    store.add(added)
    store.revoke("acme-2026", [DIGEST])
    store.revoke_release("B" * 43)
    again = TrustStore.load(tmp_path)
    assert again.publisher("acme-2026") == added
    assert again.revoked("acme-2026", DIGEST) is None
    assert again.revoked("acme-2026", "C" * 43) == "the key 'acme-2026' that signed it was withdrawn"
    assert again.revoked("other", "B" * 43) == "this release was withdrawn"
    assert again.as_message() == store.as_message()
    assert stat.S_IMODE((tmp_path / "trust.json").stat().st_mode) == 0o600


def test_a_worker_gets_the_same_store_as_plain_data(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "trust.json", vendor=(publisher("vendor-1", ("meterhub-*",)),))
    store.add(publisher())
    store.machine = publisher("machine:0000", ("*",))
    store.revoke("acme-2026", [DIGEST])
    message = json.loads(json.dumps(store.as_message()))
    again = TrustStore.from_message(message)
    assert again.as_message() == store.as_message()
    assert again.publishers == store.publishers
    message["site"]["publishers"][0]["x"] = "short"
    with pytest.raises(TrustStoreError, match="not an Ed25519 key"):
        TrustStore.from_message(message)


def test_the_vendors_names_are_the_vendors() -> None:
    vendor, site = publisher("vendor-1", ("meterhub-*",)), publisher("old-site", ("*",))
    store = TrustStore(vendor=(vendor,))
    for claim in ("meterhub-dlms", "meter*", "*", "*-dlms"):
        with pytest.raises(TrustStoreError, match="covers names of ACME Metering"):
            store.add(publisher(names=(claim,)))
    store.add(publisher(names=("acme-*",)))
    assert store.may_sign(vendor, "meterhub-dlms")
    assert not store.may_sign(site, "meterhub-dlms")  # trusted before the vendor claimed the names
    assert store.may_sign(site, "acme-adder")
    store.machine = publisher("machine:0000", ("*",))
    assert store.may_sign(store.machine, "meterhub-dlms")


@pytest.mark.parametrize(
    ("kid", "names", "sentence"),
    [
        ("acme-2026", ("acme-*",), "there is a key 'acme-2026' already"),
        ("machine:0000", ("acme-*",), "is the name of a machine's key"),
        ("other", (), "is trusted for no names"),
        ("other", ("Acme_*",), "is not a pattern of distribution names"),
        ("other", ("a[bc]",), "is not a pattern of distribution names"),
    ],
)
def test_a_change_that_cannot_be_is_turned_down_and_nothing_is_written(
    tmp_path: Path, kid: str, names: tuple[str, ...], sentence: str
) -> None:
    store = TrustStore.load(tmp_path)
    store.add(publisher())
    before = (tmp_path / "trust.json").read_bytes(), store.as_message()
    with pytest.raises(TrustStoreError, match=sentence):
        store.add(publisher(kid, names))
    assert ((tmp_path / "trust.json").read_bytes(), store.as_message()) == before


def test_revoking_asks_for_what_exists(tmp_path: Path) -> None:
    store = TrustStore.load(tmp_path)
    store.add(publisher())
    with pytest.raises(TrustStoreError, match="there is no key 'acme-2062'"):
        store.revoke("acme-2062")
    with pytest.raises(TrustStoreError, match="not the digest of a release"):
        store.revoke_release("1.0.0")
    with pytest.raises(TrustStoreError, match="not the digest of a release"):
        store.revoke("acme-2026", ["1.0.0"])
    assert store.revoked("acme-2026", DIGEST) is None


def test_a_change_that_the_disk_refuses_does_not_count(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "gone" / "trust.json")
    with pytest.raises(OSError, match="No such file"):
        store.add(publisher())
    assert store.publishers == ()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 2}', b'{"publishers": [{}]}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_an_error_and_never_an_empty_store(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trust.json").write_bytes(content)
    with pytest.raises(TrustStoreError):
        TrustStore.load(tmp_path)


def test_a_private_key_handed_over_by_mistake_is_named() -> None:
    fields = json.loads(public_jwk(Ed25519PrivateKey.generate(), "acme-2026", "ACME")) | {"d": "secret"}
    with pytest.raises(TrustStoreError, match="private key") as caught:
        Publisher.from_jwk(json.dumps(fields), ["acme-*"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("change", [{"crv": "X25519"}, {"kty": "EC"}, {"x": "AA"}, {"kid": "a b"}, {"name": "\n"}])
def test_only_sound_public_keys_are_taken(change: dict[str, str]) -> None:
    fields = json.loads(public_jwk(Ed25519PrivateKey.generate(), "acme-2026", "ACME")) | change
    with pytest.raises(TrustStoreError):
        Publisher.from_jwk(json.dumps(fields), ["acme-*"])


def test_the_fingerprint_is_the_one_its_publisher_sees() -> None:
    key = Ed25519PrivateKey.generate()
    assert Publisher.from_jwk(public_jwk(key, "acme-2026", "ACME"), ["acme-*"]).fingerprint == fingerprint(key)


@settings(deadline=None)
@given(NAMES, NAMES, st.from_regex(r"[ab]{1,4}(-[ab]{1,3})?", fullmatch=True))
def test_two_patterns_that_fit_one_name_overlap(one: str, other: str, name: str) -> None:
    first, second = (publisher(names=(names,)) for names in (one, other))
    if first.may_sign(name) and second.may_sign(name):
        assert _overlap(one, other)
    assert _overlap(one, other) == _overlap(other, one)
    assert _overlap(one, one)
