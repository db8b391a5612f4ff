"""Synthesizers taken in, replaced and removed while the instance runs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk import Refused
from meterhub_sdk.wheel import read_wheel

from meterhub.access.roles import Role
from meterhub.synthesizers.shelf import Shelf

pytestmark = pytest.mark.usefixtures("impatient")

SECTIONS = {"source": {"value": 21.0}, "gain": {"source": "source/energy"}}


class Manager:
    """The page "Manage": what its user does with wheels."""

    def __init__(self, hand: Any, forge: Any) -> None:
        self.hand = hand
        self.forge = forge
        self.shelf = hand.instance.home / "synthesizers"
        hand.instance.catalogue.trust.add(forge.publisher())
        hand.instance.synthesizers._watch.settle = 0.5

    async def upload(self, wheel: Path, **body: Any) -> Any:
        content = base64.b64encode(wheel.read_bytes()).decode()
        return await self.hand.post("synthesizer/upload", name=wheel.name, content=content, **body)

    async def rows(self) -> dict[str, Any]:
        return {row["name"]: row for row in (await self.hand.get("/status/synthesizers"))["synthesizers"]}

    async def until(self, value: float) -> None:
        async with asyncio.timeout(20):
            while self.hand.reading("gain/energy").value != value:
                await asyncio.sleep(0.01)

    def left(self) -> list[str]:
        """Everything on the shelf, and in the spool."""
        spool = self.hand.instance.home / "uploads"
        return sorted(path.name for path in (*self.shelf.glob("*"), *spool.glob("*")))


@pytest.fixture
async def manager(hand, forge) -> Manager:
    return Manager(hand, forge)


async def test_an_uploaded_synthesizer_is_used_at_once_and_a_newer_one_takes_its_place(manager) -> None:
    hand = manager.hand
    answer = await manager.upload(manager.forge.wheel("1.0.0"))
    assert (answer["name"], answer["services"], answer["replaced"]) == ("acme-gain", ["gain"], None)
    assert answer["publisher"] == "ACME Metering"
    await hand.apply(**SECTIONS)
    await hand.until_running("source", "gain")
    await manager.until(42.0)
    newer = await manager.upload(manager.forge.wheel("1.1.0", times=10))
    assert (newer["replaced"], newer["restarted"]) == ("1.0.0", ["gain"])
    await manager.until(420.0)
    row = (await manager.rows())["acme-gain"]
    assert (row["version"], row["state"], row["removable"]) == ("1.1.0", "good", True)
    assert (row["installed_by"], row["file"]) == (hand.owner.name, "acme_gain-1.1.0-py3-none-any.whl")
    assert row["services"] == [{"name": "gain", "title": "Gain"}]
    assert [(service["name"], service["state"]) for service in row["configured"]] == [("gain", "running")]
    assert len(list((manager.shelf / "acme-gain").iterdir())) == 2
    uploaded = await hand.events("synthesizer-uploaded")
    told = [json.loads(event.parameters) for event in uploaded]
    assert [parameters["before"] for parameters in told] == ["none", "1.0.0"]
    assert told[1]["release"] == newer["release"] == row["release"]


@pytest.mark.slow
async def test_it_outlives_a_restart_and_what_was_left_half_done_does_not(bench, forge, hand_of) -> None:
    manager = Manager(hand_of(await bench.start()), forge)
    await manager.upload(forge.wheel())
    await manager.hand.apply(**SECTIONS)
    await bench.stop()
    current = json.loads((manager.shelf / "acme-gain" / "current.json").read_bytes())
    for name in ("acme-gain/2.0.0-0000", "acme-other/1.0.0-0000"):
        (manager.shelf / name / "acme_gain").mkdir(parents=True)
    hand = hand_of(await bench.start())
    await hand.until_running("gain")
    assert sorted(path.name for path in manager.shelf.glob("*/*")) == sorted([current["directory"], "current.json"])
    manager = Manager.__new__(Manager)
    manager.hand = hand
    await manager.until(42.0)


@pytest.mark.slow
async def test_it_is_not_removed_while_it_is_used_unless_forced(manager) -> None:
    hand = manager.hand
    await manager.upload(manager.forge.wheel())
    await hand.apply(**SECTIONS)
    await hand.until_running("gain")
    await hand.post("configuration/enter")
    assert await hand.instance.configuration.save(hand.owner.name, "gain@north", SECTIONS["gain"]) == []
    with pytest.raises(Refused) as refused:
        await hand.post("synthesizer/remove", name="Acme_Gain")
    assert "gain is configured; gain@north is in the draft of access_admin" in str(refused.value)
    await hand.post("configuration/cancel-other")
    answer = await hand.post("synthesizer/remove", name="acme-gain", force=True)
    assert answer == {"name": "acme-gain", "settings_kept": ["gain"], "instead": None}
    services = {row["name"]: row for row in (await hand.get("/status/services"))["services"]}
    assert services["gain"]["detail"] == "its plugin is absent or refused; its settings are kept"
    assert await manager.rows() == {}
    assert manager.left() == []
    assert "settings without it: gain" in (await hand.events("synthesizer-removed"))[0].text
    await manager.upload(manager.forge.wheel())
    await hand.until_running("gain")
    await manager.until(42.0)


@pytest.mark.slow
async def test_an_older_release_is_taken_only_when_asked_for(manager) -> None:
    await manager.upload(manager.forge.wheel("2.0.0"))
    older = manager.forge.wheel("1.9.0")
    with pytest.raises(Refused, match=r"acme-gain 2\.0\.0 is here, and 1\.9\.0 is older; allow the downgrade"):
        await manager.upload(older)
    assert (await manager.upload(older, allow_downgrade=True))["replaced"] == "2.0.0"
    assert (await manager.rows())["acme-gain"]["version"] == "1.9.0"
    again = await manager.upload(older)
    assert again["replaced"] == "1.9.0"


BAD_RELEASES = {
    "does-not-import": ({"more": "1 / 0", "described": False}, "it cannot be described: .*ZeroDivisionError"),
    "fails-when-it-computes": ({"compute": "1 / 0"}, "was taken back: gain ran before and fails now: .*division"),
    "other-settings": ({"limit": 1}, "the settings of gain do not fit acme-gain 2.0.0: factor"),
    "another-service": ({"service": "acme-gain"}, "gain is configured and acme-gain 2.0.0 does not offer it any more"),
    "a-name-of-the-core": ({"service": "upload", "described": False}, "has a name that belongs to the core"),
    "a-name-of-another": ({"service": "source", "described": False}, "has a name that belongs to acme-bench"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_RELEASES)
async def test_a_newer_release_that_will_not_do_leaves_the_old_one_running(manager, case) -> None:
    hand = manager.hand
    source, sentence = BAD_RELEASES[case]
    await manager.upload(manager.forge.wheel())
    sections = {**SECTIONS, "gain": {**SECTIONS["gain"], "factor": 2.0}}
    await hand.apply(**sections)
    await hand.until_running("source", "gain")
    before = hand.pid("acme-gain")
    with pytest.raises(Refused, match=sentence):
        await manager.upload(manager.forge.wheel("2.0.0", **source))
    await hand.until_running("gain")
    await manager.until(42.0)
    assert (await manager.rows())["acme-gain"]["version"] == "1.0.0"
    assert len(list((manager.shelf / "acme-gain").iterdir())) == 2
    assert len(await hand.until_event("synthesizer-refused")) == 1
    if "taken back" not in sentence:
        assert hand.pid("acme-gain") == before


DRIVER = '''
class Pump(Driver[Config]):
    """Drives."""
    name = "pump"
    feature = Feature("acme.gain", "Gain", built_in=True)
    def points(self):
        return []
    async def run(self):
        pass
'''
GUARD = """
@hookimpl
def meterhub_check_write():
    return [WriteGuard(["source/**"], lambda name, value, requester: None)]
"""
NOT_ONLY = {
    "a-driver-beside-it": (
        {"more": DRIVER, "offers": ", Pump"},
        "it offers the driver pump; install it with: meterhub plu",
    ),
    "network": ({"capabilities": '"points.read:**", "network"'}, "it asks for network, and a synthesizer reads points"),
    "writes": ({"capabilities": '"points.write:**"'}, r"it asks for points.write:\*\*"),
    "a-guard": ({"more": GUARD}, r"it decides over writes to source/\*\*"),
    "undescribed": ({"more": DRIVER, "offers": ", Pump", "described": False}, "it offers the driver pump"),
}


@pytest.mark.parametrize("case", NOT_ONLY)
async def test_what_is_more_than_a_synthesizer_is_refused(manager, case) -> None:
    source, sentence = NOT_ONLY[case]
    with pytest.raises(Refused, match=sentence):
        await manager.upload(manager.forge.wheel(**source))
    assert manager.left() == []
    assert await manager.rows() == {}


async def test_a_description_that_is_not_that_of_the_code_is_found_out(manager) -> None:
    honest = manager.forge.wheel()

    wheel = read_wheel(honest)
    description = wheel.files[f"{wheel.dist_info}/meterhub-description.json"].decode()
    lying = manager.forge.wheel(
        more=DRIVER,
        offers=", Pump",
        described=False,
        files={f"{wheel.dist_info}/meterhub-description.json": description},
    )
    with pytest.raises(Refused, match=r"is not what its description says \(pump\)"):
        await manager.upload(lying)
    assert manager.left() == []


async def test_wheels_that_are_not_to_be_trusted_are_refused(manager) -> None:
    forge = manager.forge
    stranger = type(forge)(forge.directory, kid="mallory-2026")
    bomb = forge.wheel("4.0.0", sign=False, files={"acme_gain/zeros": "\0" * (17 << 20)})
    tampered = rewritten(forge.wheel("3.0.0"), "acme_gain/__init__.py", b"import os\n")
    refusals = {
        forge.wheel("1.0.0", sign=False): "acme_gain-1.0.0-py3-none-any.whl: it has no meterhub-plugin.jws",
        stranger.wheel("2.0.0"): "signed with the key 'mallory-2026', which is not known here",
        tampered: "acme_gain/__init__.py was changed",
        forge.wheel("6.0.0", files=metadata("6.0.0", "Requires-Dist: acme-nothing>=7")): "needs acme-nothing>=7",
        forge.wheel("7.0.0", files=metadata("7.0.0", "Requires-Python: <3")): "is for Python <3, and this is Python 3",
        forge.wheel("8.0.0", files=metadata("8.0.0", "Requires-Dist: ;")): "a requirement that cannot be read",
        forge.wheel("9.0.0", tag="cp39-none-any"): "is for Python cp39, and this is Python 3",
        forge.wheel("9.1.0", tag="py3-none-linux_armv7l"): "is built for one kind of machine",
    }
    for wheel, sentence in refusals.items():
        with pytest.raises(Refused, match=sentence):
            await manager.upload(wheel)
        assert manager.left() == [], wheel.name
    with pytest.raises(Refused, match="was given"):
        await manager.upload(bomb)  # too large for one request
    with pytest.raises(Refused, match="at most 16 MB will do"):
        await spooled(manager, bomb)
    assert await manager.rows() == {}
    told = await manager.hand.events("synthesizer-refused")
    assert len(told) == len(refusals) + 1
    assert told[0].log.value == "security"


def rewritten(wheel: Path, changed: str, content: bytes) -> Path:
    """The wheel with another content of one file."""
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in {**members, changed: content}.items():
            archive.writestr(name, data)
    return wheel


def metadata(version: str, line: str) -> dict[str, str]:
    text = f"Metadata-Version: 2.4\nName: acme-gain\nVersion: {version}\n{line}\n"
    return {f"acme_gain-{version}.dist-info/METADATA": text}


async def test_a_publisher_signs_only_the_names_he_may(manager) -> None:
    wheel = manager.forge.wheel()
    renamed = wheel.with_name("zenith_gain-1.0.0-py3-none-any.whl")
    with pytest.raises(Refused, match="holds acme-gain"):
        await manager.upload(wheel.rename(renamed))
    manager.hand.instance.catalogue.trust.revoke(manager.forge.kid, [])
    with pytest.raises(Refused, match="withdrawn"):
        await manager.upload(manager.forge.wheel())
    assert manager.left() == []


@pytest.mark.parametrize(("role", "uploads", "changes"), [("R1", 0, 0), ("R3", 1, 0), ("R5", 1, 1), ("R6", 0, 0)])
def test_who_may_by_default(manager, role, uploads, changes) -> None:
    allows = manager.hand.instance.access.matrix.allows
    may = {path: allows(frozenset({Role(role)}), f"/command/{path}", "run") for path in COMMANDS}
    assert may == {path: bool(uploads if path.startswith("upload") else changes) for path in COMMANDS}


COMMANDS = (
    "upload/begin",
    "upload/append",
    "upload/finish",
    "upload/cancel",
    "synthesizer/upload",
    "synthesizer/remove",
)


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x.whl", "/tmp/x.whl", "..", "a\0.whl"])
async def test_a_name_that_leads_elsewhere_is_refused(manager, name) -> None:
    with pytest.raises(Refused, match="file name"):
        await manager.hand.post("synthesizer/upload", name=name, content=base64.b64encode(b"x").decode())
    assert manager.left() == []


@pytest.mark.parametrize("body", [{}, {"name": "x.whl"}, {"content": ""}, {"upload": "x", "content": "", "name": "x"}])
async def test_half_an_upload_is_refused(manager, body) -> None:
    with pytest.raises(Refused, match="give either name and content, or the upload"):
        await manager.hand.post("synthesizer/upload", **body)


async def spooled(manager, wheel: Path, **body: Any) -> Any:
    hand, content, piece = manager.hand, wheel.read_bytes(), 400_000
    begun = await hand.post("upload/begin", name=wheel.name, size=len(content))
    for offset in range(0, len(content), piece):
        part = base64.b64encode(content[offset : offset + piece]).decode()
        await hand.post("upload/append", upload=begun["id"], offset=offset, content=part)
    await hand.post("upload/finish", upload=begun["id"], sha256=hashlib.sha256(content).hexdigest())
    try:
        return await hand.post("synthesizer/upload", upload=begun["id"], **body)
    except Refused:
        (row,) = (await hand.get("/status/uploads"))["uploads"]
        assert row["finished"]  # it can be taken again, with a downgrade allowed, say
        await hand.post("upload/cancel", upload=begun["id"])
        raise


async def test_one_that_came_in_pieces_is_taken_and_forgotten(manager) -> None:
    wheel = manager.forge.wheel(files={"acme_gain/table.txt": "0123456789" * 200_000})
    assert (await spooled(manager, wheel))["version"] == "1.0.0"
    assert (await manager.hand.get("/status/uploads"))["uploads"] == []
    assert manager.left() == ["acme-gain"]
    done = [event.text for event in await manager.hand.events("request-done")]
    assert done == ["access_admin did post /command/synthesizer/upload"]


async def test_two_uploads_at_the_same_time_are_taken_one_after_the_other(manager) -> None:
    wheels = [manager.forge.wheel(f"1.{number}.0") for number in range(3)]
    answers = await asyncio.gather(*map(manager.upload, wheels), return_exceptions=True)
    good = [answer["version"] for answer in answers if isinstance(answer, dict)]
    assert good
    assert all("is older" in str(answer) for answer in answers if not isinstance(answer, dict))
    assert (await manager.rows())["acme-gain"]["version"] == max(good) == "1.2.0"
    assert len(list((manager.shelf / "acme-gain").iterdir())) == 2


@pytest.mark.slow
async def test_whoever_goes_away_meanwhile_leaves_it_done_or_not_begun(manager) -> None:
    await manager.upload(manager.forge.wheel())
    await manager.hand.apply(**SECTIONS)
    await manager.hand.until_running("gain")
    uploading = asyncio.create_task(manager.upload(manager.forge.wheel("2.0.0", times=10)))
    async with asyncio.timeout(20):
        while manager.hand.instance.catalogue.version("acme-gain") != "2.0.0":
            await asyncio.sleep(0)
    uploading.cancel()
    await asyncio.wait([uploading])
    assert len(await manager.hand.until_event("synthesizer-uploaded", 2)) == 2
    await manager.until(420.0)


@pytest.mark.slow
async def test_what_was_tampered_with_on_the_shelf_does_not_run_and_is_mended_by_the_same_release(manager) -> None:
    hand, wheel = manager.hand, manager.forge.wheel()
    await manager.upload(wheel)
    (code,) = manager.shelf.rglob("__init__.py")
    code.write_text(code.read_text() + "\n")
    await hand.post("plugins/rescan")
    row = (await manager.rows())["acme-gain"]
    assert (row["state"], row["removable"]) == ("refused", True)
    assert "acme_gain/__init__.py was changed" in row["problem"]
    await manager.upload(wheel)
    assert (await manager.rows())["acme-gain"]["state"] == "good"
    (code,) = manager.shelf.rglob("__init__.py")
    code.write_text("")
    await hand.post("plugins/rescan")
    assert (await hand.post("synthesizer/remove", name="acme-gain"))["name"] == "acme-gain"
    assert manager.left() == []


async def test_only_what_was_uploaded_is_removed_here(manager) -> None:
    with pytest.raises(Refused, match="no synthesizer 'acme-nobody' was uploaded; uploaded are: none"):
        await manager.hand.post("synthesizer/remove", name="acme-nobody")
    with pytest.raises(Refused, match="with: meterhub plugin remove acme-bench"):
        await manager.hand.post("synthesizer/remove", name="acme-bench")
    for name in ("..", "../configuration", ".", "/"):
        with pytest.raises(Refused, match="no synthesizer"):
            await manager.hand.post("synthesizer/remove", name=name)


async def test_a_checkout_that_somebody_works_on_is_not_replaced(manager) -> None:
    with pytest.raises(Refused, match="acme-bench is a checkout that somebody works on here"):
        await manager.upload(manager.forge.wheel("9.0.0", name="bench", service="gain"))


async def test_a_record_that_cannot_be_read_hides_one_plugin_and_no_other(manager) -> None:
    await manager.upload(manager.forge.wheel())
    await manager.upload(manager.forge.wheel(name="twin", service="twin"))
    (manager.shelf / "acme-gain" / "current.json").write_text("{")
    shelf = Shelf(manager.hand.instance.home)
    assert [candidate.name for candidate in shelf.candidates()] == ["acme-twin"]
    shelf.tidy()
    assert len(list((manager.shelf / "acme-gain").iterdir())) == 2, "nothing is deleted on a guess"
    await manager.upload(manager.forge.wheel())
    assert (await manager.rows()).keys() == {"acme-gain", "acme-twin"}
