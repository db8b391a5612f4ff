"""gurux-dlms behind guards: it prints nothing, takes bounded time, crashes nothing, and is imported late."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import tomllib
from importlib import resources
from importlib.metadata import metadata, packages_distributions
from pathlib import Path
from xml.etree import ElementTree

import meterhub_dlms_explain
import pytest
from meterhub_dlms_explain import service as service_module
from meterhub_dlms_explain import translation
from meterhub_dlms_explain.budget import Budget, Spent
from meterhub_dlms_explain.conversation import Conversation
from meterhub_sdk.testing import FakeHub

PACKAGE = Path(meterhub_dlms_explain.__file__).parent
MUTATED = 3000
SAMPLES = [
    "c001c100030100010800ff0200",
    "c003c10200030100010800ff020000030100020800ff0200",
    "c001c100070100630100ff0201010204020412000809060000010000ff0f02120000090c07e60c1e05173b00ff800000090c07e60c1e05173b00ff8000000100",
    "c401c1000204120003110009060100010800ff0202010001000203020f0116010002030f02160100",
    "c402c100000000010006010203040506",
    "c401c100130602030f120001",
    "6036a1090607608574050801018a0207808b0760857405080201ac0a80083132333435363738be10040e01000000065f1f0400001e1dffff",
    "6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400001e1d04c80007",
    "0f4000000000020209060100010800ff06000003e8",
    "d94000000100010100030100010800ff020100",
    "8180140502008006020080070400000001080400000001",
    "c81e3001234567411312ff935a47566827c467bc7d825c3be4a77c3fcc056b6b",
    "050202fa0004fa080102040600000001120001120001120001",
]


def mutated(generator):
    octets = bytearray.fromhex(generator.choice(SAMPLES))
    for _ in range(generator.randint(1, 2)):
        place = generator.randrange(len(octets))
        how = generator.randrange(4)
        if how == 0:
            octets[place] = generator.randrange(256)
        elif how == 1:
            octets[place] ^= 1 << generator.randrange(8)
        elif how == 2 and len(octets) > 1:
            del octets[place]
        else:
            octets[place:place] = octets[place : place + 9]
    return bytes(octets)


def test_mutated_apdus_are_explained_or_refused_but_never_more(capfd):
    seed = random.randrange(1 << 32)
    generator = random.Random(seed)
    read = 0
    for _ in range(MUTATED):
        apdu = mutated(generator)
        explained = Conversation(Budget(0.05)).explain(apdu)
        assert len(explained.apdu) or explained.notes, f"seed {seed}: {apdu.hex()}"
        ElementTree.tostring(explained.apdu)
        read += len(explained.apdu) > 0
    assert read > MUTATED // 2, f"seed {seed}"
    assert capfd.readouterr().out == "", f"seed {seed}"


async def test_what_gurux_prints_goes_nowhere(explain, capfd):
    initiate = "2111300000000111223344556677889900AABBCC"
    await explain(f"6027A109060760857405080103BB0201{'00'}BE16041{'4'}{initiate}")
    await explain("0E01FF;C401C100;E0800001")
    assert capfd.readouterr() == ("", "")


async def test_a_command_that_takes_too_long_is_ended_and_the_next_one_works(explain, monkeypatch):
    monkeypatch.setattr(service_module, "SECONDS", 0.05)
    real = translation._by_gurux

    def endless(apdu):
        if apdu[0] == 0x0D:
            while True:
                try:
                    sum(range(1000))
                except Exception:
                    continue
        return real(apdu)

    monkeypatch.setattr(translation, "_by_gurux", endless)
    answer = await explain("0D0100;C401C10006000003E8")
    assert [frame.notes for frame in answer.frames] == [["it takes gurux-dlms more than 0.05 s; give fewer frames"]] * 2
    assert (await explain("C401C10006000003E8")).frames[0].notes == []


def spent(budget):
    """Work for 10 ms of processor time; whether the budget ended it."""
    try:
        with budget.spending():
            end = time.process_time() + 0.01
            while time.process_time() < end:
                pass
    except Spent:
        return True
    return False


def test_a_budget_is_spent_by_all_its_uses_together():
    budget = Budget(0.05)
    while not spent(budget):
        pass
    assert spent(budget)


def loaded(code):
    """Top-level names of what a fresh interpreter has imported after ``code``."""
    code = f"import sys; {code}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_gurux_is_imported_at_the_first_command_and_not_before():
    assert "gurux_dlms" not in loaded("import meterhub_dlms_explain; meterhub_dlms_explain.meterhub_services()")
    everything = "from meterhub_dlms_explain import catalogue, conversation; catalogue.look_up(bytes(6))"
    names = loaded(everything)
    assert "gurux_dlms" in names
    assert not {"meterhub", "meterhub_dlms", "c104", "aiohttp", "pymodbus"} & names


def test_every_source_file_names_its_licence():
    sources = sorted(PACKAGE.glob("*.py"))
    assert sources
    assert all(path.read_text().startswith("# SPDX-License-Identifier: GPL-2.0-only\n") for path in sources)


async def test_the_service_waits_and_counts(service, explain):
    hub = service.hub
    assert isinstance(hub, FakeHub)
    async with hub.running(service):
        await explain("0D0100;FF00")
        status = service.status()
    assert (status.explained, status.with_notes, status.library) == (2, 1, "gurux-dlms 1.0.203")
    assert list(service.points()) == []


def test_the_manifest_asks_for_nothing():
    manifest = tomllib.loads(resources.files(meterhub_dlms_explain).joinpath("plugin.toml").read_text())
    assert (manifest["features"], manifest["capabilities"]) == (["dlms.explain"], [])
    assert service_module.DlmsExplain.feature.built_in


@pytest.mark.slow
def test_nothing_under_apache_alone_is_loaded_beside_gurux():
    names = loaded("import meterhub.worker.__main__; from meterhub_dlms_explain import service; import gurux_dlms")
    distributions = {owner for name in names for owner in packages_distributions().get(name, ())}
    licences = {name: metadata(name) for name in distributions}
    told = {name: f"{own.get('License-Expression', '')} {own.get('License', '')}" for name, own in licences.items()}
    assert sorted(name for name, text in told.items() if "Apache" in text and " OR " not in text) == []
