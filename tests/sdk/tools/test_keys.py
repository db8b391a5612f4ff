"""``meterhub-sdk new-key`` and ``sign``."""

from __future__ import annotations

import json
import stat
import zipfile

import pytest
from meterhub_sdk.layout import ManifestError
from meterhub_sdk.signing import load_key
from meterhub_sdk.tools.cli import main
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.keys import Signer, issued_at, make_key, public_path, sign
from meterhub_sdk.wheel import read_wheel

from meterhub.trust import Publisher

INFO = "acme_adder-1.0.0.dist-info"
FILES = {
    "acme_adder/__init__.py": "",
    "acme_adder/plugin.toml": 'sdk = ">=0.1,<1"\n',
    f"{INFO}/METADATA": "Metadata-Version: 2.4\nName: acme-adder\nVersion: 1.0.0\n",
    f"{INFO}/entry_points.txt": "[meterhub.plugins]\nadder = acme_adder\n",
}


def wheel(directory, left_out=""):
    directory.mkdir()
    path = directory / "acme_adder-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in FILES.items():
            if name != left_out:
                archive.writestr(name, text)
    return path


def test_a_new_key_is_private_and_its_public_half_is_what_administrators_trust(tmp_path, capsys):
    private = tmp_path / "my-key.pem"
    assert main(["new-key", str(private), "--kid", "acme-2026", "--name", "ACME Łódź"]) == 0
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    publisher = Publisher.from_jwk((tmp_path / "my-key.public.json").read_text(), ["acme-*"])
    assert (publisher.kid, publisher.name) == ("acme-2026", "ACME Łódź")
    assert publisher.key.public_bytes_raw() == load_key(private.read_bytes()).public_key().public_bytes_raw()
    assert publisher.fingerprint in capsys.readouterr().out


NAMES = [
    ("acme 2026", "ACME", "is not the name of a key"),
    ("machine:box", "ACME", "is the name of a machine's own key"),
    ("acme-2026", "", "the publisher's name '' is empty"),
    ("acme-2026", "A\nB", "not printable"),
]


@pytest.mark.parametrize(("kid", "name", "sentence"), NAMES)
def test_names_that_will_not_do_make_no_file(tmp_path, kid, name, sentence):
    with pytest.raises(ToolError, match=sentence):
        make_key(tmp_path / "my-key.pem", kid, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("existing", ["my-key.pem", "my-key.public.json"])
def test_a_key_is_never_written_over(tmp_path, existing):
    (tmp_path / existing).write_text("precious")
    with pytest.raises(ToolError, match="exists already; a key is never written over"):
        make_key(tmp_path / "my-key.pem", "acme-2026", "ACME")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {existing: "precious"}


def test_the_name_of_a_key_is_that_of_its_public_half(tmp_path):
    made = make_key(tmp_path / "my-key.pem", "acme-2026", "ACME")
    assert Signer.load(made.private, None).kid == Signer.load(made.private, "acme-2026").kid == "acme-2026"
    assert Signer.load(made.private, None).fingerprint == made.fingerprint
    with pytest.raises(ToolError, match="calls the key acme-2026, not acme-2027"):
        Signer.load(made.private, "acme-2027")
    made.public.unlink()
    assert Signer.load(made.private, "acme-2027").kid == "acme-2027"
    with pytest.raises(ToolError, match="give it with --kid"):
        Signer.load(made.private, None)
    with pytest.raises(ToolError, match="is not the name of a key"):
        Signer.load(made.private, "acme 2027")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kid": "a b", "name": "x", "x": "y"}', "\x00"])
def test_a_public_half_that_is_none_is_said(tmp_path, text):
    made = make_key(tmp_path / "my-key.pem", "acme-2026", "ACME")
    made.public.write_text(text)
    with pytest.raises(ToolError, match="is not a publisher's public key"):
        Signer.load(made.private, None)


def test_a_public_half_of_another_key_is_said(tmp_path):
    made = make_key(tmp_path / "my-key.pem", "acme-2026", "ACME")
    other = make_key(tmp_path / "other.pem", "acme-2027", "ACME")
    made.public.write_bytes(other.public.read_bytes())
    with pytest.raises(ToolError, match="belongs to another key"):
        Signer.load(made.private, None)


def test_a_file_that_holds_no_key_is_said(tmp_path):
    (tmp_path / "my-key.pem").write_text("x" * 10_000)
    with pytest.raises(ToolError, match=r"my-key\.pem: the file holds no"):
        Signer.load(tmp_path / "my-key.pem", "acme-2026")


def test_all_wheels_are_signed_or_none(tmp_path):
    signer = Signer.load(make_key(tmp_path / "my-key.pem", "acme-2026", "ACME").private, None)
    good, other = wheel(tmp_path / "a"), wheel(tmp_path / "b")
    bad = wheel(tmp_path / "c", left_out="acme_adder/plugin.toml")
    with pytest.raises(ToolError, match=r"acme_adder/plugin\.toml is missing"):
        sign([good, bad], signer)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / good.name).write_text("no zip")
    with pytest.raises(ManifestError, match="is damaged"):
        sign([good, tmp_path / "d" / good.name], signer)
    assert read_wheel(good).signature is None
    signed = sign([good, other], signer)
    assert [(path, described) for path, _, described in signed] == [(good, False), (other, False)]
    assert len({manifest.digest for _, manifest, _ in signed}) == 1
    assert read_wheel(good).signature is not None


def test_the_moment_of_signing_can_be_given(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert issued_at() > 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert issued_at() == 1_700_000_000
    for given in ("", "-1", "soon", "1" * 12, "١"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
        with pytest.raises(ToolError, match="whole seconds since 1970"):
            issued_at()


def test_a_public_half_lies_beside_any_file_name(tmp_path):
    assert public_path(tmp_path / "key").name == "key.public.json"
    assert public_path(tmp_path / "key.pem").name == "key.public.json"
    made = make_key(tmp_path / "key", "k", "ACME")
    assert json.loads(made.public.read_text())["kid"] == "k"
