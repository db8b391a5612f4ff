"""The configuration of a running instance, changed from the command line."""

from __future__ import annotations

import json

import pytest

HOLDING = {"bank": "holding", "address": 0, "format": "u32"}


async def revision(home) -> int:
    return int((await home.get("/status/configuration"))["revision"])


async def save(home, path, service: str, section: dict[str, object]):
    file = path / "section.json"
    file.write_text(json.dumps(section))
    return await home.cli("config", "save", service, str(file))


async def test_a_bad_field_gets_a_sentence_with_its_path_and_changes_nothing(gateway):
    number, before = await revision(gateway), await gateway.get("/configuration/load-curve")
    done = await gateway.cli("set", "load-curve", "speed=fast")
    assert done.code == 1
    assert "load-curve.speed: speed: 'fast' was given" in done.said
    assert "Traceback" not in done.said
    after = await gateway.get("/configuration/load-curve")
    assert after["active"] == before["active"]
    assert after["draft"] in (None, before["active"])
    assert await revision(gateway) == number


@pytest.mark.parametrize(
    ("service", "section", "sentence"),
    [
        ("load-curf", {}, "no installed plugin offers the service 'load-curf'"),
        ("load-curve", {"sped": 1}, "load-curve.sped: sped is not a setting here; remove it or mend its name"),
        ("load-curve", {"speed": -1}, "load-curve.speed: speed: '-1' was given"),
        (
            "modbus-server",
            {"groups": [{"label": "m", "rows": [{**HOLDING, "point": "load-curve/energy", "format": "u33"}]}]},
            "modbus-server.groups.0.rows.0.format: format: 'u33' was given",
        ),
    ],
    ids=["service", "field", "value", "type"],
)
async def test_what_is_unknown_is_turned_down_with_its_path(gateway, tmp_path, service, section, sentence):
    done = await save(gateway, tmp_path, service, section)
    assert done.code == 1
    assert sentence in done.said
    assert (await gateway.events("request-refused"))[0]["parameters"]["reason"] in done.said
    assert not (await gateway.get("/status/configuration"))["changes"]


async def test_an_unknown_point_keeps_the_draft_from_being_applied(gateway, tmp_path):
    before = await revision(gateway)
    rows = [{**HOLDING, "point": "load-curve/enery-import"}]
    port = (await gateway.get("/configuration/modbus-server"))["active"]["port"]
    section = {"port": port, "groups": [{"label": "meter", "rows": rows}]}
    assert (await save(gateway, tmp_path, "modbus-server", section)).code == 0
    done = await gateway.cli("config", "apply")
    assert done.code == 1
    assert "modbus-server.groups.0.rows.0.point: there is no point load-curve/enery-import" in done.said
    assert await revision(gateway) == before
    assert await gateway.running("modbus-server")


async def test_two_services_cannot_have_one_port(gateway, tmp_path):
    before = await revision(gateway)
    port = (await gateway.get("/configuration/modbus-server"))["active"]["port"]
    assert (await save(gateway, tmp_path, "iec104-server@second", {"port": port})).code == 0
    done = await gateway.cli("config", "apply")
    assert done.code == 1
    assert f"TCP port {port} is already taken by" in done.said
    assert "iec104-server@second" not in await gateway.states()
    assert await revision(gateway) == before


@pytest.mark.slow
async def test_what_nobody_confirms_is_taken_back_by_itself(gateway, until):
    before, told = await revision(gateway), len(await gateway.events("configuration-rolled-back"))
    assert (await gateway.cli("set", "load-curve", "scale=2")).code == 0
    done = await gateway.cli("config", "apply", "--confirm-within", "1")
    assert done.code == 0, done.said
    entries = await until(lambda: taken_back(gateway, told))
    assert "nobody confirmed it within 1 s" in entries[0]["text"]
    assert await revision(gateway) == before
    assert "scale" not in (await gateway.get("/configuration/load-curve"))["active"]
    await until(lambda: gateway.running("load-curve"))


async def taken_back(home, told: int):
    entries = await home.events("configuration-rolled-back")
    return entries if len(entries) > told else None


@pytest.mark.slow
async def test_a_service_that_ran_and_does_not_start_any_more_takes_the_change_back_at_once(gateway, taken_port, until):
    before, told = await revision(gateway), len(await gateway.events("configuration-rolled-back"))
    assert (await gateway.cli("set", "modbus-server", f"port={taken_port}")).code == 0
    done = await gateway.cli("config", "apply", "--confirm-within", "600")
    assert done.code == 1
    assert "modbus-server ran before and does not start any more" in done.said
    assert await revision(gateway) == before
    assert (await gateway.get("/configuration/modbus-server"))["active"]["port"] != taken_port
    assert await taken_back(gateway, told)
    await until(lambda: gateway.running("modbus-server"))


@pytest.mark.slow
async def test_a_crash_keeps_what_was_confirmed_and_takes_back_what_was_not(own_gateway, starter):
    assert (await own_gateway.cli("set", "event-log", "bounds.system.days=200")).code == 0
    assert (await own_gateway.cli("config", "apply", "--name", "shorter")).code == 0
    done = await own_gateway.cli("config", "confirm")
    assert done.code == 0, done.said
    assert (await own_gateway.cli("set", "event-log", "bounds.system.days=300")).code == 0
    assert (await own_gateway.cli("config", "apply", "--confirm-within", "600")).code == 0
    await own_gateway.kill()
    again = await starter.run(own_gateway.path, initial=False).ready()
    status = await again.get("/status/configuration")
    assert (status["revision"], status["name"]) == (2, "shorter")
    assert (await again.get("/configuration/event-log"))["active"]["bounds"]["system"]["days"] == 200
    (entry,) = await again.events("configuration-rolled-back")
    assert "the instance restarted before it was confirmed" in entry["text"]
