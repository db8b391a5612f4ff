"""What was given in place of a synthesizer's wheel is called by its name."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhub.synthesizers.mistaken import mistaken


def packed(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return held.getvalue()


def as_json(document: object) -> bytes:
    return json.dumps(document).encode()


WHEEL = packed("acme/__init__.py", "acme-1.0.0.dist-info/METADATA")
CASES = {
    "licence": ("my.licence", b"\xef\xbb\xbfMeterhub licence\r\nVendor: ACME\r\n", "it is a licence; install it with"),
    "export": ("config.json", as_json({"format": 1, "services": {}}), "configuration export; import it with"),
    "public-key": ("acme.public.json", as_json({"kty": "OKP", "x": "abc"}), "it is a publisher's public key; trust it"),
    "private-jwk": ("acme.json", as_json({"kty": "OKP", "x": "abc", "d": "secret"}), "it is a private key"),
    "private-pem": ("my-key.pem", b"-----BEGIN PRIVATE KEY-----\nMC4C\n", "it is a private key"),
    "certificate": ("tls.pem", b"-----BEGIN CERTIFICATE-----\nMIIB\n", "it is a TLS certificate"),
    "other-json": ("x.json", b" [1]", "not even a zip file"),
    "an-object": ("x.json", b'{"a": 1}', "it is a JSON file"),
    "damaged-json": ("x.json", b'{"services": ', "it is damaged JSON"),
    "sdist": ("acme_gain-1.0.0.tar.gz", gzip.compress(b"x"), "it is a source distribution, and nothing is built here"),
    "backup": ("home.backup.gz", gzip.compress(b"x"), "such as a backup"),
    "source": ("gain.py", b"import os\n", "it is Python source; make a plugin of it with meterhub-sdk new"),
    "library": ("gain.so", b"\x7fELF\x02", "for one kind of machine"),
    "empty": ("gain.whl", b"", "it is empty"),
    "cut-off": ("gain-1.0.0-py3-none-any.whl", WHEEL[:60], "damaged or was cut off on its way"),
    "renamed": ("gain.zip", WHEEL, "a wheel under another name; give it back"),
    "checkout": ("gain-main.zip", packed("gain/pyproject.toml", "gain/src/x.py"), "a zip file of a checkout"),
    "java": ("gain.jar", packed("META-INF/MANIFEST.MF"), "it is a Java archive"),
    "photos": ("photos.zip", packed("1.jpg"), "it is a zip file of something else"),
    "text": ("notes.txt", b"Dear all", "it is not even a zip file"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_called_by_its_name(case: str, tmp_path: Path) -> None:
    name, content, sentence = CASES[case]
    path = tmp_path / "file"
    path.write_bytes(content)
    said = mistaken(name, path)
    assert said.startswith(f"{name} is no synthesizer: ")
    assert sentence in said
    assert "secret" not in said


def test_a_wheel_is_left_to_the_reader_of_wheels(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHEEL)
    assert mistaken("gain-1.0.0-py3-none-any.whl", path) == ""


def test_a_directory_of_very_many_members_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(packed(*(f"{number}.txt" for number in range(4_100))))
    monkeypatch.delattr(zipfile, "ZipFile")
    assert mistaken("gain-1.0.0-py3-none-any.whl", path) == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(head=st.sampled_from([b"", b"{", b"PK\x03\x04", b"\x1f\x8b", WHEEL]), more=st.binary(max_size=200))
def test_whatever_is_given_there_is_a_sentence_or_the_reader_decides(tmp_path: Path, head: bytes, more: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(head + more)
    said = mistaken("x.whl", path)
    assert said == "" or said.startswith("x.whl is no synthesizer: ")
