"""A synthesizer made with ``meterhub-sdk``, taken into a running instance, replaced and removed on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from meterhub_sdk.tools.cli import main

from meterhub.trust import Publisher, TrustStore

SECTION = {"incoming": "load-curve/energy-import", "outgoing": ["load-curve/energy-import"]}
SOURCE = "src/acme_losses/__init__.py"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two releases, the newer of which adds 7 Wh; and the publisher's public key."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "acme-losses", "--publisher", "ACME Metering"]) == 0
    monkeypatch.chdir("acme-losses")
    assert main(["new-key", "key.pem", "--kid", "acme-2026", "--name", "ACME Metering"]) == 0
    assert main(["build", "--key", "key.pem"]) == 0
    for file, old, new in (
        (SOURCE, "sent - sum(used)", 'sent - sum(used) + Reading(7.0, sent.time, unit="Wh")'),
        ("pyproject.toml", '"0.1.0"', '"0.2.0"'),
    ):
        text = Path(file).read_text()
        assert old in text
        Path(file).write_text(text.replace(old, new))
    assert main(["build", "--key", "key.pem"]) == 0
    dist = tmp_path / "acme-losses" / "dist"
    return {
        "0.1.0": dist / "acme_losses-0.1.0-py3-none-any.whl",
        "0.2.0": dist / "acme_losses-0.2.0-py3-none-any.whl",
        "key": tmp_path / "acme-losses" / "key.public.json",
    }


async def test_from_upload_to_values_to_a_newer_release_to_removal(starter, until, wheels, tmp_path):
    home = starter.home("site", {"load-curve": {"interval": 0.2}})
    instance = await starter.run(home).serving()
    done = await instance.cli("synthesizer", "upload", str(wheels["0.1.0"]))
    assert done.code == 1
    assert "is signed with the key 'acme-2026', which is not known here" in done.said
    await instance.cli("trust", "add", str(wheels["key"]), "--names", "acme-*")
    done = await instance.cli("synthesizer", "upload", str(wheels["0.1.0"]))
    assert done.said.startswith("acme-losses 0.1.0, signed by ACME Metering"), done.said

    async def value():
        point = await instance.point("acme-losses/energy")
        return point if point["quality"] == 0 else None

    await instance.post("/command/configuration/enter")
    async with instance.connected() as client:
        answer = await client.request("put", "/configuration/acme-losses", SECTION)
        assert not answer["errors"], answer
    await instance.post("/command/configuration/apply", {"confirm_within": 0})
    assert (await until(value))["value"] == 0.0

    done = await instance.cli("synthesizer", "upload", str(wheels["0.2.0"]))
    assert "in place of 0.1.0" in done.said, done.said
    assert "started again: acme-losses" in done.said

    async def newer():
        point = await value()
        return point is not None and point["value"] == 7.0

    await until(newer)
    worker = (await instance.workers())["acme-losses"]
    assert worker["enforced"]

    await instance.kill()
    instance = await starter.run(home, initial=False).serving()
    await until(newer)
    (row,) = [r for r in (await instance.cli("--json", "synthesizer", "list")).json if r["name"] == "acme-losses"]
    assert (row["version"], row["installed_by"], row["removable"]) == ("0.2.0", "access_admin", True)
    assert "acme-losses (running)" in (await instance.cli("synthesizer", "list")).said
    assert "acme-losses" in (await instance.cli("plugin", "verify", "acme-losses")).said

    done = await instance.cli("synthesizer", "upload", str(wheels["0.1.0"]))
    assert done.code == 1
    assert "0.1.0 is older; allow the downgrade" in done.said
    assert (await instance.get("/status/uploads"))["uploads"] == []
    done = await instance.cli("synthesizer", "remove", "acme-losses")
    assert (done.code, "acme-losses is configured" in done.said) == (1, True)
    assert "synthesizer remove acme-losses" in (await instance.cli("plugin", "remove", "acme-losses")).said
    await instance.post("/command/configuration/enter")
    async with instance.connected() as client:
        await client.request("delete", "/configuration/acme-losses")
    await instance.post("/command/configuration/apply", {"confirm_within": 0})
    done = await instance.cli("synthesizer", "remove", "acme-losses")
    assert "acme-losses is removed; its data stays" in done.said
    assert not (home / "synthesizers" / "acme-losses").exists()
    assert {event["name"] for event in await instance.events(log="update-and-licence")} >= {
        "synthesizer-uploaded",
        "synthesizer-removed",
    }


@pytest.mark.slow
async def test_an_uploaded_synthesizer_comes_back_with_a_backup(starter, until, wheels, tmp_path):
    home = starter.home("site", {"load-curve": {"interval": 0.2}})
    instance = await starter.run(home).serving()
    TrustStore.load(home).add(Publisher.from_jwk(wheels["key"].read_text(), ["acme-*"]))
    await instance.stop()
    instance = await starter.run(home, initial=False).serving()
    assert (await instance.cli("synthesizer", "upload", str(wheels["0.1.0"]))).code == 0
    file = tmp_path / "site.backup"
    done = await instance.cli("backup", str(file))
    assert done.code == 0, done.said
    await instance.stop()
    shutil.rmtree(home / "synthesizers")
    done = await instance.cli("restore", str(file))
    assert done.code == 0, done.said
    instance = await starter.run(home, initial=False).serving()
    rows = {row["name"]: row for row in (await instance.get("/status/synthesizers"))["synthesizers"]}
    assert (rows["acme-losses"]["version"], rows["acme-losses"]["state"]) == ("0.1.0", "good")
