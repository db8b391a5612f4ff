"""Which plugins there are, whether they may run, and what they offer."""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path

import msgspec
import pytest
from meterhub_sdk import MeterhubError
from meterhub_sdk.description import Description, EventDescription, FeatureDescription, ServiceDescription
from meterhub_sdk.tools.reserved import CORE

from meterhub.plugins import Catalogue, row
from meterhub.trust import LocalSignatures, TrustError, TrustStore


def service(name: str, kind: str = "service") -> ServiceDescription:
    return ServiceDescription(
        name=name,
        title=name,
        description="",
        kind=kind,
        single=False,
        feature=None,
        menu="",
        rights_status="R1",
        rights_read="R1",
        rights_write="R5",
        config_version=1,
        config_schema={},
        status_schema=None,
        commands=[],
    )


class Shelf:
    """A catalogue whose checkouts describe themselves as the test says."""

    def __init__(self, house, recorded) -> None:
        self.house = house
        self.recorded = recorded
        self.described: list[str] = []
        self.descriptions = {
            "acme-bench": Description(services=[service("source"), service("alias")]),
            "acme-follower": Description(services=[service("follower")], guards=["source/**"]),
        }
        self.at_once = self.most = 0

    def open(self, **options) -> Catalogue:
        trust = TrustStore.load(self.house.home)
        local = LocalSignatures(self.house.home, trust)
        catalogue = Catalogue(self.house.home, trust, local, self.recorded, **options)
        catalogue.describe = self._describe
        return catalogue

    async def _describe(self, plugin) -> bytes:
        self.described.append(plugin.name)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        found = self.descriptions[plugin.name]
        if isinstance(found, Exception):
            raise found
        return found.encode()

    def files(self) -> list[Path]:
        return list((self.house.home / "descriptions").glob("*.json"))

    def problem(self, catalogue, name="acme-bench") -> str:
        return catalogue.installed[name].problem


@pytest.fixture
def shelf(house, recorded):
    made = house(own=True)
    for path in (made.home / "descriptions").glob("*.json"):
        path.unlink()
    return Shelf(made, recorded)


async def test_what_is_signed_and_described_may_run(shelf) -> None:
    catalogue = shelf.open()
    await catalogue.scan()
    assert {p.name: p.good for p in catalogue.installed.values()} == {"acme-bench": True, "acme-follower": True}
    assert [offered.name for _, offered in catalogue.offers()] == ["source", "alias", "follower"]
    plugin, offered = catalogue.service("source@north")
    assert (plugin.name, offered.name) == ("acme-bench", "source")
    assert catalogue.service("nobody") is None
    assert catalogue.version("acme-bench") == "1.0.0"
    assert catalogue.version("nobody") == "not installed"
    assert "source/x" in catalogue.guards("acme-follower")
    assert "source/x" not in catalogue.guards("acme-bench")
    assert "source/x" not in catalogue.guards("nobody")
    assert shelf.recorded.names == ["plugin-added", "plugin-added"]
    await catalogue.scan()
    assert len(shelf.recorded.names) == 2
    shown = row(catalogue.installed["acme-bench"])
    assert (shown["state"], shown["kind"], shown["services"]) == ("good", "checkout", ["source", "alias"])


async def test_what_is_known_by_its_digest_is_not_described_again(shelf) -> None:
    await shelf.open().scan()
    assert shelf.described == ["acme-bench", "acme-follower"]
    await shelf.open().scan()
    assert len(shelf.described) == 2
    (shelf.house.checkout() / "more.py").write_text("MORE = 1\n")
    shelf.house.sign()
    await shelf.open().scan()
    assert shelf.described[2:] == ["acme-bench"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"format": 99}', b'{"format": 1, "services": [{"name": "of an older core"}]}', b"\xff"],
)
async def test_a_kept_description_that_this_version_cannot_read_is_made_again(shelf, content) -> None:
    await shelf.open().scan()
    for path in shelf.files():
        path.write_bytes(content)
    catalogue = shelf.open()
    await catalogue.scan()
    assert all(plugin.good for plugin in catalogue.installed.values())
    assert len(shelf.described) == 4
    assert all(json.loads(path.read_bytes())["services"] for path in shelf.files())


async def test_a_disk_that_takes_no_description_costs_only_time(shelf, monkeypatch) -> None:
    def full(*_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("meterhub.plugins.replace_atomically", full)
    catalogue = shelf.open()
    await catalogue.scan()
    assert all(plugin.good for plugin in catalogue.installed.values())


async def test_a_plugin_that_cannot_be_described_is_out_and_the_others_are_not(shelf) -> None:
    shelf.descriptions["acme-bench"] = MeterhubError("acme-bench cannot be imported: SyntaxError")
    catalogue = shelf.open()
    await catalogue.scan()
    assert shelf.problem(catalogue) == "it cannot be described: acme-bench cannot be imported: SyntaxError"
    assert catalogue.installed["acme-follower"].good
    assert shelf.recorded.of("plugin-refused")[0]["plugin"] == "acme-bench"
    await catalogue.scan()
    assert len(shelf.recorded.of("plugin-refused")) == 1


async def test_a_changed_file_keeps_that_plugin_only_from_running(shelf) -> None:
    catalogue = shelf.open()
    await catalogue.scan()
    (shelf.house.checkout() / "source.py").write_text("# not what was signed\n")
    await catalogue.scan()
    assert "source.py was changed" in shelf.problem(catalogue)
    assert catalogue.service("source") is None
    assert catalogue.service("follower") is not None
    with pytest.raises(TrustError):
        catalogue.verify("acme-bench")
    shelf.house.sign()
    fresh = shelf.open()
    await fresh.scan()
    assert fresh.installed["acme-bench"].good


async def test_a_plugin_that_went_is_told(shelf) -> None:
    catalogue = shelf.open()
    await catalogue.scan()
    for file in (shelf.house.site / "acme_follower-1.0.0.dist-info").iterdir():
        file.unlink()
    await catalogue.scan()
    assert list(catalogue.installed) == ["acme-bench"]
    assert shelf.recorded.of("plugin-gone") == [
        {"source": "plugins", "plugin": "acme-follower", "sentence": "Plugin acme-follower is no longer installed"}
    ]


@pytest.mark.parametrize("name", ["../../etc", "/etc", "a/b", "a b", "", "a@b", "..", ".hidden", "x" * 65, "a*", "\n"])
async def test_a_service_with_a_name_that_is_none_keeps_its_plugin_out(shelf, name) -> None:
    shelf.descriptions["acme-bench"] = Description(services=[service("good"), service(name)])
    catalogue = shelf.open()
    await catalogue.scan()
    assert shelf.problem(catalogue).startswith("the name of its service or command will not do: ")
    assert catalogue.service("good") is None
    assert catalogue.installed["acme-follower"].good


async def test_rights_of_roles_that_do_not_exist_keep_their_plugin_out(shelf) -> None:
    """And only that one: what a plugin declares must not keep the instance from starting."""
    shelf.descriptions["acme-bench"] = Description(
        services=[msgspec.structs.replace(service("source"), rights_status="R1 banana")]
    )
    catalogue = shelf.open()
    await catalogue.scan()
    assert "the rights of its service 'source' will not do: There is no role 'banana'" in shelf.problem(catalogue)
    assert catalogue.installed["acme-follower"].good


async def test_a_feature_of_no_name_keeps_its_plugin_out(shelf) -> None:
    shelf.descriptions["acme-bench"] = Description(
        features=[FeatureDescription(name="Not A Feature!", title="x", built_in=True)]
    )
    catalogue = shelf.open()
    await catalogue.scan()
    assert shelf.problem(catalogue) == "its feature 'Not A Feature!' has no name such as synth.losses"


@pytest.mark.parametrize("patterns", [["a b"], ["a/**/b"], [""]])
async def test_guards_of_no_pattern_keep_their_plugin_out(shelf, patterns) -> None:
    shelf.descriptions["acme-bench"] = Description(services=[service("source")], guards=patterns)
    catalogue = shelf.open()
    await catalogue.scan()
    assert not catalogue.installed["acme-bench"].good
    assert catalogue.installed["acme-follower"].good


@pytest.mark.parametrize("name", sorted(CORE))
async def test_names_of_the_core_belong_to_the_core(shelf, name) -> None:
    shelf.descriptions["acme-bench"] = Description(services=[service(name)])
    catalogue = shelf.open()
    await catalogue.scan()
    assert shelf.problem(catalogue) == f"its service '{name}' has a name that belongs to the core"


async def test_of_two_plugins_with_one_service_the_first_by_name_has_it(shelf) -> None:
    shelf.descriptions["acme-follower"] = Description(services=[service("other"), service("source")])
    catalogue = shelf.open()
    await catalogue.scan()
    assert catalogue.installed["acme-bench"].good
    assert shelf.problem(catalogue, "acme-follower") == "its service 'source' has a name that belongs to acme-bench"
    assert catalogue.service("other") is None


async def test_a_plugin_that_is_out_takes_no_names_from_others(shelf) -> None:
    shelf.descriptions["acme-bench"] = Description(services=[service("follower"), service("hub")])
    catalogue = shelf.open()
    await catalogue.scan()
    assert shelf.problem(catalogue) == "its service 'hub' has a name that belongs to the core"
    assert catalogue.installed["acme-follower"].good


async def test_in_safe_mode_only_first_party_plugins_run(shelf) -> None:
    catalogue = shelf.open(first_party_only=True)
    await catalogue.scan()
    assert {p.problem for p in catalogue.installed.values()} == {
        "third-party plugins are off in safe mode; restart the instance once the fault is found"
    }
    assert shelf.described == []


async def test_a_worker_may_turn_a_plugin_down_until_the_next_scan(shelf) -> None:
    catalogue = shelf.open()
    await catalogue.scan()
    await catalogue.refuse("acme-bench", "source.py was changed")
    await catalogue.refuse("nobody", "never heard of it")
    assert catalogue.service("source") is None
    assert shelf.recorded.of("plugin-refused")[0]["reason"] == "source.py was changed"
    await catalogue.scan()
    assert catalogue.service("source") is not None


async def test_event_types_are_those_of_the_description(shelf) -> None:
    known = EventDescription(number=3, name="seen", text="{what} seen", log="communication", severity=5, help="Look.")
    shelf.descriptions["acme-bench"] = Description(events=[known])
    catalogue = shelf.open()
    await catalogue.scan()
    event = catalogue.event("acme-bench", "seen")
    assert (event.number, event.log.value, int(event.severity), event.help) == (3, "communication", 5, "Look.")
    assert catalogue.event("acme-bench", "other") is None
    assert catalogue.event("acme-follower", "seen") is None
    assert catalogue.event("nobody", "seen") is None
