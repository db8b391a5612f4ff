"""``meterhub-sdk build``: from a new plugin to a wheel that the core verifies."""

from __future__ import annotations

import zipfile

import pytest
from meterhub_sdk.description import Description
from meterhub_sdk.manifest import DESCRIPTION_FILE
from meterhub_sdk.tools.build import build
from meterhub_sdk.tools.cli import main
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.keys import Signer, make_key
from meterhub_sdk.wheel import read_wheel

from meterhub.trust import Publisher, TrustStore, verify_wheel

WHEEL = "acme_losses-0.1.0-py3-none-any.whl"
EPOCH = "1700000000"


@pytest.fixture
def signer(tmp_path):
    return Signer.load(make_key(tmp_path / "my-key.pem", "acme-2026", "ACME Metering").private, None)


def trusting(home, public):
    home.mkdir()
    trust = TrustStore.load(home)
    trust.add(Publisher.from_jwk(public.read_text(), ["acme-*"]))
    return trust


def test_from_new_to_a_wheel_that_the_core_verifies(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "acme-losses", "--publisher", "ACME Metering"]) == 0
    monkeypatch.chdir("acme-losses")
    assert main(["check"]) == 0
    assert main(["new-key", "my-key.pem", "--kid", "acme-2026", "--name", "ACME Metering"]) == 0
    assert main(["build", "--key", "my-key.pem"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    trust = trusting(tmp_path / "home", tmp_path / "acme-losses" / "my-key.public.json")
    verified = verify_wheel(tmp_path / "acme-losses" / "dist" / WHEEL, trust)
    assert verified.manifest.digest in shown.out
    assert verified.publisher.fingerprint in shown.out
    assert verified.modules == {"acme-losses": "acme_losses"}
    assert verified.manifest.capabilities == ("points.read:**",)
    assert verified.description is not None
    described = Description.decode(verified.description)
    assert [(s.name, s.kind, s.feature) for s in described.services] == [("acme-losses", "synthesizer", "acme.losses")]
    assert [(f.name, f.built_in) for f in described.features] == [("acme.losses", True)]
    assert [path.name for path in (tmp_path / "acme-losses" / "dist").iterdir()] == [WHEEL]


def test_the_same_checkout_gives_the_same_wheel(checkout, signer, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    first = build(checkout.directory, tmp_path / "first", signer)
    (checkout.directory / "src/acme_losses/__init__.py").touch()
    second = build(checkout.directory, tmp_path / "second", signer)
    assert first.path.read_bytes() == second.path.read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    later = build(checkout.directory, tmp_path / "later", signer)
    assert later.manifest.digest == first.manifest.digest
    assert later.path.read_bytes() != first.path.read_bytes()


def test_without_a_key_it_says_how_to_make_one_and_builds_nothing(checkout, capsys):
    assert main(["build", str(checkout.directory)]) == 1
    assert "meterhub-sdk new-key my-key.pem --kid my-key-1" in capsys.readouterr().err
    assert not (checkout.directory / "dist").exists()


def test_an_unsigned_wheel_is_signed_later_into_what_build_would_have_signed(checkout, signer, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    assert main(["build", str(checkout.directory), "--unsigned"]) == 0
    unsigned = checkout.directory / "dist" / WHEEL
    assert read_wheel(unsigned).signature is None
    assert main(["sign", str(unsigned), "--key", str(tmp_path / "my-key.pem")]) == 0
    assert unsigned.read_bytes() == build(checkout.directory, tmp_path / "out", signer).path.read_bytes()


def test_findings_stop_the_build(checkout, tmp_path, capsys):
    checkout.write("src/acme_losses/more.py", "import meterhub\n")
    assert main(["build", str(checkout.directory), "--unsigned", "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert "src/acme_losses/more.py:1: meterhub is the core" in shown.out
    assert "nothing was built" in shown.err
    assert not (tmp_path / "out").exists()


def test_the_description_comes_from_the_wheel_and_not_from_the_checkout(checkout, tmp_path):
    checkout.write("src/acme_losses/numbers.py", "ANSWER = 1\n")
    checkout.change(
        "src/acme_losses/__init__.py", "\nfrom meterhub_sdk", "\nimport acme_losses.numbers\nfrom meterhub_sdk"
    )
    checkout.change("pyproject.toml", "\n[tool.pytest", 'exclude = ["numbers.py"]\n\n[tool.pytest')
    assert checkout.check() == []
    with pytest.raises(ToolError, match=r"ModuleNotFoundError: No module named 'acme_losses\.numbers'"):
        build(checkout.directory, tmp_path / "out", None)
    assert not list((tmp_path / "out").iterdir())


SPOILT = [
    ('"hatchling.build"', '"no_such_backend.api"', "the wheel cannot be built with hatchling"),
    ('"hatchling.build"', '"hatchling.nothing"', "the wheel cannot be built with hatchling: ModuleNotFoundError"),
    ('["src/acme_losses"]', '["src/elsewhere"]', "the wheel cannot be built|cannot be signed"),
    ('requires = ["hatchling"]', 'requires = []\nbackend-path = ["."]', "use an installed build backend"),
    ('["src/acme_losses"]', '["src/acme_losses", "tests"]', "a plugin has one package and one .dist-info"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), SPOILT)
def test_what_cannot_be_built_or_signed_is_one_sentence_and_leaves_nothing(
    checkout, tmp_path, monkeypatch, old, new, sentence
):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    checkout.change("pyproject.toml", old, new)
    with pytest.raises(ToolError, match=sentence) as caught:
        build(checkout.directory, tmp_path / "out", None)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


def test_an_older_wheel_stays_when_a_build_fails(checkout, signer, tmp_path):
    before = build(checkout.directory, tmp_path, signer).path.read_bytes()
    checkout.change("pyproject.toml", '"hatchling.build"', '"hatchling.nothing"')
    with pytest.raises(ToolError):
        build(checkout.directory, tmp_path, signer)
    assert (tmp_path / WHEEL).read_bytes() == before


def test_the_description_is_signed(checkout, signer, tmp_path):
    path = build(checkout.directory, tmp_path / "out", signer).path
    changed = tmp_path / WHEEL
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"synthesizer", b"driver") if name.endswith(DESCRIPTION_FILE) else data)
    trust = trusting(tmp_path / "home", tmp_path / "my-key.public.json")
    assert verify_wheel(path, trust)
    with pytest.raises(Exception, match=f"{DESCRIPTION_FILE} was changed"):
        verify_wheel(changed, trust)
