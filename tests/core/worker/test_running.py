"""What a service raises says what happens next; commands, status and the other things a hub has."""

from __future__ import annotations

import asyncio
import logging

import pytest
from meterhub_sdk import Clock, ConfigError, EventType, MeterhubError, NotReady, Refused

from meterhub import services as services_module
from meterhub.worker import program, running


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """Start again at once, push statuses often, and keep expected tracebacks out of the output."""
    real = asyncio.sleep

    async def sleep(seconds: float, result: object = None) -> object:
        return await real(min(seconds, 0.01), result)

    monkeypatch.setattr(running.asyncio, "sleep", sleep)
    monkeypatch.setattr(program, "STATUS_PERIOD", 0.01)
    logging.getLogger("meterhub.worker.running").disabled = True
    yield
    logging.getLogger("meterhub.worker.running").disabled = False


def state(rig, name="meter"):
    known = rig.services.states[name]
    return known.state, known.detail


@pytest.mark.parametrize(
    ("failure", "want", "event"),
    [
        (NotReady("the meter does not answer"), "retrying", "service-retrying"),
        (ZeroDivisionError("division by zero"), "failed", "service-failed"),
        (Refused("no"), "failed", "service-failed"),
        (asyncio.CancelledError(), "failed", "service-failed"),
        (None, "failed", "service-failed"),
    ],
)
async def test_what_a_service_raises_is_told_and_it_starts_again(meter, rig, until, failure, want, event) -> None:
    meter.end(failure)
    await until(lambda: rig.recorded.of(event))
    await until(lambda: rig.meter() is not meter if "meter" in type(meter).alive else False)
    await until(lambda: state(rig)[0] == "running")
    assert rig.services.states["meter"].restarts == 1
    (told,) = rig.recorded.of(event)
    assert told["service"] == "meter"
    assert want in ("retrying", "failed")
    assert told["reason"]


async def test_wrong_settings_wait_for_the_administrator(meter, rig, until) -> None:
    meter.end(ConfigError("the address is that of the gateway itself"))
    await until(lambda: state(rig) == ("waiting", "the address is that of the gateway itself"))
    await asyncio.sleep(0.05)
    assert "meter" not in type(meter).alive
    assert rig.recorded.names == ["service-waiting"]
    await rig.services.restart("meter")
    await until(lambda: state(rig)[0] == "running")


async def test_only_the_first_of_a_row_is_an_event(meter, rig, until) -> None:
    for _ in range(3):
        now = rig.meter()
        now.end(NotReady("the meter does not answer"))
        await until(lambda now=now: type(meter).alive.get("meter") not in (None, now))
    assert rig.recorded.names == ["service-retrying"]
    assert rig.services.states["meter"].restarts == 3
    rig.meter().end(NotReady("its port is in use"))
    await until(lambda: len(rig.recorded.names) == 2)


async def test_a_recovery_is_told_once_it_lasts(meter, rig, until, monkeypatch) -> None:
    monkeypatch.setattr(services_module, "RECOVERED_AFTER", 0.05)
    meter.end(NotReady("the meter does not answer"))
    await until(lambda: "service-recovered" in rig.recorded.names)
    await asyncio.sleep(0.1)
    assert rig.recorded.names == ["service-retrying", "service-recovered"]


async def test_points_turn_stale_while_their_service_is_in_trouble(meter, rig, until) -> None:
    from meterhub_sdk import Quality, Reading

    await meter.hub.points.publish({"energy": Reading(1, 5)})
    await rig.settle()
    meter.end(NotReady("the meter does not answer"))
    await until(lambda: rig.hub.points["meter/energy"].reading() == Reading(1, 5, Quality.STALE))


async def test_the_log_says_where_in_the_plugin_it_failed(meter, rig, until) -> None:
    meter.end(ValueError("x" * 3_000_000))
    await until(lambda: rig.recorded.of("service-failed"))
    reason = rig.recorded.of("service-failed")[0]["reason"]
    assert reason.startswith("ValueError: xxx")
    assert len(reason) <= 1000
    await until(lambda: state(rig)[0] == "running")


async def test_a_service_that_takes_its_cancellation_for_itself_is_not_started_again(rig, offered) -> None:
    class Stubborn(offered.Plain):
        name = "stubborn"
        lives = 0

        async def run(self) -> None:
            type(self).lives += 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    rig.install("acme-stubborn", Stubborn)
    rig.order("stubborn", "acme-stubborn")
    await rig.apply()
    await asyncio.wait_for(rig.services.restart("stubborn"), 3)
    await asyncio.sleep(0.05)
    assert Stubborn.lives == 2


async def test_settings_that_do_not_fit_wait(rig, until) -> None:
    order = rig.order("meter")
    order.section["points"] = 5
    await rig.apply()
    await until(lambda: state(rig)[0] == "waiting")
    assert state(rig)[1].startswith("the settings do not fit this version: ")


async def test_only_what_changed_is_stopped_and_started(rig) -> None:
    rig.order("meter")
    rig.order("meter@2")
    assert sorted(await rig.apply()) == ["meter", "meter@2"]
    first, second = rig.meter(), rig.meter("meter@2")
    rig.order("meter@2", points=["other"])
    assert await rig.apply() == ["meter@2"]
    assert rig.meter() is first
    assert rig.meter("meter@2") is not second
    assert rig.hub.points["meter@2/energy"].point is None
    assert rig.hub.points["meter@2/other"].point is not None
    del rig.orders["meter@2"]
    assert await rig.apply() == ["meter@2"]
    assert list(type(first).alive) == ["meter"]
    assert await rig.apply() == []


async def test_a_service_that_does_not_stop_costs_its_worker(rig, offered, monkeypatch, until) -> None:
    """Two of one service must never run beside each other."""

    class Hanging(offered.Plain):
        name = "hanging"

        async def run(self) -> None:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if let_go.is_set():
                        raise

    let_go = asyncio.Event()
    rig.install("acme-hanging", Hanging)
    rig.order("hanging", "acme-hanging")
    await rig.apply()
    session = rig.sessions["acme-hanging"]
    connection = session.connection
    request = connection.request

    async def impatient(method, body=None, timeout=None, **more):
        return await request(method, body, 0.05 if method == "stop" else timeout, **more)

    monkeypatch.setattr(connection, "request", impatient)
    await rig.services.restart("hanging")
    await asyncio.wait_for(connection.closed, 3)
    assert "did not stop" in rig.recorded.of("worker-overstepped")[0]["reason"]
    let_go.set()
    for task in asyncio.all_tasks():
        if task.get_name() == "service hanging":
            task.cancel()


# -- commands and status ----------------------------------------------------------------------


async def test_a_command_answers_what_its_method_returned(meter, rig) -> None:
    assert await rig.services.command("meter", "say-again", {"text": "hello"}, 5) == {"text": "HELLO"}
    assert await rig.services.command("meter", "nothing", None, 5) is None


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("shout", None, "meter has no command 'shout'"),
        ("run", None, "meter has no command 'run'"),
        ("say-again", None, "text is missing; it must be given"),
        ("say-again", {"text": "far too long for this"}, "string should have at most 10 characters"),
        ("say-again", {"text": "a", "volume": 11}, "volume is not a setting here"),
        ("say-again", [1, 2], "[1, 2]' was given; input should be"),
        ("say-again", {"text": "no"}, "it will not say that"),
        ("say-again", {"text": "crash"}, "ZeroDivisionError: crash"),
    ],
)
async def test_a_command_that_cannot_be_is_refused_with_one_sentence(meter, rig, name, arguments, said) -> None:
    logging.getLogger("meterhub.wire").disabled = True
    try:
        with pytest.raises(MeterhubError) as caught:
            await rig.services.command("meter", name, arguments, 5)
    finally:
        logging.getLogger("meterhub.wire").disabled = False
    assert said in str(caught.value)


async def test_commands_of_a_service_that_does_not_run_wait(meter, rig, until) -> None:
    with pytest.raises(Refused, match="other is not running"):
        await rig.services.command("other", "nothing", None, 5)
    meter.end(ConfigError("wrong"))
    await until(lambda: state(rig)[0] == "waiting")
    with pytest.raises(Refused, match="meter is not running; its commands wait until it is"):
        await rig.services.command("meter", "nothing", None, 5)
    await rig.kill()
    with pytest.raises(Refused, match="meter is not running; its commands wait until it is"):
        await rig.services.command("meter", "nothing", None, 5)


async def test_a_service_that_waits_goes_on_when_its_secret_is_set(rig, until) -> None:
    rig.order("meter", password="meter-password")
    rig.order("meter@other")
    await rig.apply()
    for name in ("meter", "meter@other"):
        rig.meter(name).end(ConfigError("the password is wrong"))
        await until(lambda name=name: rig.services.states[name].state == "waiting")
    await rig.services.secret_set("another")
    assert state(rig)[0] == "waiting"
    await rig.services.secret_set("meter-password")
    await until(lambda: state(rig)[0] == "running")
    assert rig.services.states["meter@other"].state == "waiting"


async def test_a_status_is_pushed_when_it_changes(meter, rig, until) -> None:
    pushes = []
    keep = rig.services.service_status
    rig.services.service_status = lambda name, status: (pushes.append(status), keep(name, status))
    meter.said = "one"
    await until(lambda: rig.services.states["meter"].status == {"text": "one"})
    await asyncio.sleep(0.05)
    meter.said = "two"
    await until(lambda: rig.services.states["meter"].status == {"text": "two"})
    assert pushes == [{"text": "one"}, {"text": "two"}]


async def test_a_status_that_is_too_large_does_not_silence_the_others(rig, until) -> None:
    logging.getLogger("meterhub.worker.program").disabled = True
    try:
        rig.order("meter")
        rig.order("meter@2")
        await rig.apply()
        rig.meter().said = "x" * 2_000_000
        await asyncio.sleep(0.03)
        rig.meter("meter@2").said = "good"
        await until(lambda: rig.services.states["meter@2"].status == {"text": "good"})
    finally:
        logging.getLogger("meterhub.worker.program").disabled = False


# -- the rest of a service's hub --------------------------------------------------------------


async def test_a_service_has_a_store_and_a_directory_of_its_own(meter, tmp_path) -> None:
    meter.hub.store["notes"].insert({"text": "kept"})
    assert meter.hub.directory == tmp_path / "meter"
    assert (tmp_path / "meter" / "store.db").exists()


async def test_a_secret_that_the_settings_name_is_given_and_no_other(rig) -> None:
    rig.order("meter", password="meter-password")
    rig.order("meter@2", password="never-set")
    rig.secrets["other"] = "not yours"
    await rig.apply()
    assert await rig.meter().hub.secret("meter-password") == "secret"
    with pytest.raises(Refused, match="the settings of meter do not name the secret 'other'"):
        await rig.meter().hub.secret("other")
    with pytest.raises(ConfigError, match="set it with: meterhub secret set never-set"):
        await rig.meter("meter@2").hub.secret("never-set")


async def test_events_are_those_that_the_plugin_declared(meter, rig, offered) -> None:
    await meter.hub.events.record(offered.SEEN, what="a comet")
    assert rig.recorded.of("seen")[0]["sentence"] == "a comet was seen"
    with pytest.raises(Refused, match="acme-meters declares no event 'forged'"):
        await meter.hub.events.record(EventType(number=9, name="forged", text="x"))


async def test_the_clock_of_the_core_is_the_clock_of_its_workers(rig) -> None:
    rig.services.vouched(None, Clock.VALID)
    rig.order("meter")
    await rig.apply()
    await rig.sessions["acme-meters"].connection.request("ping")
    assert rig.meter().hub.time.now() > 1_700_000_000_000_000_000


async def test_only_a_keeper_of_time_vouches_for_the_clock_and_as_long_as_it_lives(rig) -> None:
    rig.install("acme-time", clock=True)
    rig.order("meter")
    rig.order("meter@time", "acme-time")
    await rig.apply()
    time = rig.meter("meter@time").hub.time
    with pytest.raises(Refused, match="does not keep time"):
        await rig.meter().hub.time.vouch(Clock.VALID)
    await time.vouch(Clock.VALID)
    await rig.sessions["acme-meters"].connection.request("ping")
    assert rig.meter().hub.time.validity() is Clock.VALID
    await rig.kill("acme-time")
    await rig.sessions["acme-meters"].connection.request("ping")
    assert rig.meter().hub.time.validity() is Clock.UNKNOWN
