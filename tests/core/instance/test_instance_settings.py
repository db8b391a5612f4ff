"""The section ``instance``, who is told what of it, and the demonstration that goes into a draft."""

from __future__ import annotations

from typing import Any

import pytest
from meterhub_sdk import Invalid, Refused
from pydantic import ValidationError

from meterhub.demo import sample
from meterhub.instance_settings import InstanceConfig
from meterhub.language import LANGUAGES, Languages, localised

NORTH = {"name": " Substation North ", "language": "pl", "time_zone": "Europe/Warsaw"}


async def ask(hand: Any, verb: str, path: str, body: Any = None, credential: str | None = None) -> Any:
    request = {"verb": verb, "path": path, "body": body, "credential": credential, "source": "10.0.0.1"}
    return await hand.instance.services.interface(request)


async def test_name_and_language_are_told_to_everybody_and_the_time_zone_to_whoever_is_logged_in(hand) -> None:
    assert await ask(hand, "get", "/instance") == {"name": "", "language": None}
    assert (await hand.get("/data/descriptions", {}))["instance"]["time_zone"] is None
    await hand.apply(instance=NORTH)
    assert await ask(hand, "get", "/instance") == {"name": "Substation North", "language": "pl"}
    assert (await hand.get("/data/descriptions", {}))["instance"] == {**NORTH, "name": "Substation North"}


async def test_the_settings_are_those_of_the_running_configuration_after_a_restart_too(bench, hand_of) -> None:
    await hand_of(await bench.start()).apply(instance=NORTH)
    await bench.stop()
    hand = hand_of(await bench.start())
    assert hand.instance.settings.name == "Substation North"
    await hand.apply()
    assert hand.instance.settings == InstanceConfig()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "two\nlines"}, "give it in one line"),
        ({"language": "tlh"}, "give one of en, pl"),
        ({"language": ""}, "is no language of this instance"),
        ({"time_zone": "Mars/Olympus"}, "give one such as Europe/Warsaw, or UTC"),
        ({"time_zone": "../../etc/passwd"}, "is no time zone"),
        ({"time_zone": ""}, "at least 1 character"),
    ],
)
def test_what_is_no_name_language_or_zone_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        InstanceConfig.model_validate(given)


def test_a_form_shows_each_language_in_its_own_words() -> None:
    schema = localised(InstanceConfig.model_json_schema(), Languages(dict).translator("pl"))
    chosen = schema["properties"]["language"]["anyOf"][0]
    assert (chosen["enum"], chosen["x-labels"]) == (list(LANGUAGES), LANGUAGES)


async def test_a_password_that_the_instance_made_is_told_until_the_user_chose_another(hand) -> None:
    made = hand.instance.first_password
    login = {"user": "access_admin", "password": made}
    first = await ask(hand, "post", "/session/login", login)
    assert first["initial_password"] is True
    assert (await ask(hand, "get", "/session", credential=first["session"]))["initial_password"] is True
    for bad in ("short", made):
        with pytest.raises(Invalid) as refused:
            await ask(hand, "post", "/command/users/change-password", {"old": made, "new": bad}, first["session"])
        assert [fault.path for fault in refused.value.faults] == [["new"]]
    chosen = {"old": made, "new": "my own words here"}
    await ask(hand, "post", "/command/users/change-password", chosen, first["session"])
    second = await ask(hand, "post", "/session/login", {**login, "password": "my own words here"})
    assert second["initial_password"] is False


# -- the demonstration ------------------------------------------------------------------------


async def test_the_demonstration_needs_configuration_mode_and_its_simulated_meter(hand) -> None:
    with pytest.raises(Refused, match="enter"):
        await hand.post("configuration/load-demo")
    await hand.post("configuration/enter")
    with pytest.raises(Refused, match="no installed plugin offers the simulated meter load-curve"):
        await hand.post("configuration/load-demo")


async def test_it_adds_what_is_offered_and_leaves_what_is_there(hand, monkeypatch: pytest.MonkeyPatch) -> None:
    services = {"source": {"value": 1.0}, "follower": {}, "acme-nowhere": {}}
    monkeypatch.setattr(sample, "METER", "source")
    monkeypatch.setattr(sample, "SERVICES", services)
    await hand.apply(source={"value": 7.0}, instance=NORTH)
    await hand.post("configuration/enter")
    assert await hand.post("configuration/load-demo") == {
        "saved": True,
        "errors": [],
        "added": ["follower"],
        "kept": ["source"],
        "missing": ["acme-nowhere"],
    }
    assert (await hand.get("/configuration/source"))["draft"] == {"value": 7.0}
    assert [change["path"][0] for change in (await hand.post("configuration/diff"))["changes"]] == ["follower"]
