"""A home that an earlier commit left behind starts under this one."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from meterhub.trust import LocalSignatures, TrustStore, discover

RECORDED = Path(__file__).with_name("recorded_home.tar.gz")


@pytest.fixture
async def instance(starter, descriptions):
    """This commit, on the recorded home; the checkouts are signed again, as after every change of them."""
    with tarfile.open(RECORDED) as archive:
        archive.extractall(starter.directory, filter="data")
    home = starter.directory / "home"
    signatures = LocalSignatures(home, TrustStore.load(home))
    for candidate in discover():
        if candidate.source is not None:
            signatures.sign(candidate)
    shutil.copytree(descriptions, home / "descriptions", dirs_exist_ok=True)
    return await starter.run(home, initial=False).serving()


async def test_everything_in_a_recorded_home_is_there(instance, until):
    users = {user["name"]: user for user in (await instance.get("/status/users"))["users"]}
    assert users["erika"] == {"name": "erika", "roles": ["R2", "R5"], "active": True, "second_factor": False}
    assert users["jürgen"] == {"name": "jürgen", "roles": ["R1"], "active": False, "second_factor": False}
    assert users["access_admin"]["active"]
    rights = {(row["path"], row["verb"]): row for row in (await instance.get("/status/access"))["rights"]}
    assert rights["/status/hub", "read"]["changed"] == {"R1": True}
    assert (await instance.get("/status/secrets"))["secrets"] == ["meter-password", "second"]
    features = {row["name"]: row for row in (await instance.get("/status/licences"))["features"]}
    assert (features["acme.x"]["licensed"], features["acme.x"]["switched_on"]) == (True, False)

    configuration = await instance.get("/status/configuration")
    assert (configuration["revision"], configuration["name"]) == (2, "twice as much")
    assert configuration["editor"] == "access_admin"
    section = await instance.get("/configuration/load-curve")
    assert (section["active"]["scale"], section["draft"]["scale"]) == (2, 3)
    history = await instance.get("/data/configuration-history")
    assert [(revision["number"], revision["name"]) for revision in history] == [(2, "twice as much"), (1, "initial")]

    assert {entry["parameters"]["user"] for entry in await instance.events("user-added")} == {"erika", "jürgen"}
    assert len(await instance.events("token-created")) == 1
    assert not await instance.events("unclean-stop")
    assert await instance.post("/command/event-log/verify") == {"good": True, "faults": []}
    energy = await until(lambda: good(instance, "load-curve/energy-import"))
    assert energy["value"] > 1000  # the registers of the private store go on
    await until(lambda: good(instance, "losses/energy"))


async def good(instance, name: str):
    point = await instance.point(name)
    return point if point["quality"] == 0 else None


@pytest.mark.slow
async def test_it_can_be_changed_on(instance):
    done = await instance.cli("config", "apply", "--confirm-within", "0")
    assert done.code == 0, done.said
    assert (await instance.get("/status/configuration"))["revision"] == 3
    assert (await instance.cli("user", "delete", "jürgen")).code == 0
    assert await instance.post("/command/event-log/verify") == {"good": True, "faults": []}
