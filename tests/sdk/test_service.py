"""Services, drivers and synthesizers, and what is written down about them."""

from __future__ import annotations

import types

import pytest
from meterhub_sdk import (
    Config,
    Driver,
    EventType,
    Feature,
    PointName,
    Quality,
    Reading,
    Refused,
    Requester,
    Rights,
    Service,
    Synthesizer,
    WriteGuard,
    command,
    field,
    hookimpl,
)
from meterhub_sdk.description import Description, Plugin
from pydantic import BaseModel


class LossConfig(Config):
    """Which meters to compare."""

    incoming: PointName = field(title="Incoming meter", unit="Wh")
    outgoing: list[PointName] = field(title="Outgoing meters", min_length=1)


class Losses(Synthesizer[LossConfig]):
    """Energy lost."""

    feature = Feature("synth.losses", "Loss calculation")
    outputs = {"energy": "Wh"}

    def inputs(self):
        return [self.config.incoming, *self.config.outgoing]

    def compute(self, now):
        sent, *used = (now[name] for name in self.inputs())
        return {"energy": sent - sum(used)}


class Gained(BaseModel):
    """A status."""

    count: int


class GridRelay2(Driver[Config]):
    """A driver with a command."""

    rights = Rights(status="R1", read="R2", write="R3")
    single = True
    status_type = Gained

    @command(title="Reset it", rights="R3", timeout=5)
    async def reset_counter(self) -> Gained:
        """Set the counter to zero."""
        return Gained(count=0)

    @command(title="Set it")
    async def set_it(self, to: LossConfig) -> None:
        """Set it."""

    async def plain(self) -> None:
        """No command."""


def plugin(*services, events=(), guards=(), name="acme_module", **more) -> Plugin:
    module = types.ModuleType(name)

    @hookimpl
    def meterhub_services():
        return services

    @hookimpl
    def meterhub_event_types():
        return events

    @hookimpl
    def meterhub_check_write():
        return guards

    hooks = {"services": meterhub_services, "event_types": meterhub_event_types, "check_write": meterhub_check_write}
    module.__dict__.update({f"meterhub_{hook}": function for hook, function in hooks.items()}, **more)
    return Plugin("acme-plugin", [module])


# -- names and commands -------------------------------------------------------------------------


def test_a_service_is_named_after_its_class_unless_it_says_otherwise() -> None:
    assert (Losses.name, Losses.title) == ("losses", "Losses")
    assert (GridRelay2.name, GridRelay2.title) == ("grid-relay2", "Grid relay2")
    assert type("Named", (Losses,), {"name": "mine"}).name == "mine"
    assert Losses.config_type is LossConfig
    assert GridRelay2.config_type is Config
    assert type("Heir", (Losses,), {}).config_type is LossConfig


def test_commands_are_the_marked_methods() -> None:
    commands = GridRelay2.commands()
    assert sorted(commands) == ["reset-counter", "set-it"]
    reset, change = commands["reset-counter"], commands["set-it"]
    assert (reset.method, reset.title, reset.rights, reset.timeout) == ("reset_counter", "Reset it", "R3", 5)
    assert (reset.takes_arguments, reset.result, reset.description) == (False, Gained, "Set the counter to zero.")
    assert (change.takes_arguments, change.arguments, change.result) == (True, LossConfig, None)
    assert Losses.commands() == {}


async def test_a_driver_refuses_writes_unless_it_can_do_them(fake_hub) -> None:
    with pytest.raises(Refused, match="energy is read-only"):
        await GridRelay2(fake_hub, Config()).write("energy", 1, Requester("anna"))
    with pytest.raises(NotImplementedError):
        await Service(fake_hub, Config()).run()


# -- synthesizers -------------------------------------------------------------------------------


@pytest.fixture
def losses(fake_hub):
    return Losses(fake_hub, LossConfig(incoming="in/e", outgoing=["out-1/e", "out-2/e"]))


async def test_a_synthesizer_computes_whenever_an_input_changed(losses, fake_hub) -> None:
    assert [(point.name, point.unit) for point in losses.points()] == [("energy", "Wh")]
    async with fake_hub.running(losses):
        assert fake_hub.published["energy"].quality == Quality.INVALID  # nothing is known yet
        fake_hub.give_all({n: Reading(v, 5, unit="Wh") for n, v in (("in/e", 10), ("out-1/e", 4), ("out-2/e", 3))})
        await fake_hub.settle()
        assert fake_hub.published["energy"] == Reading(3, 5, unit="Wh")
        fake_hub.give("out-2/e", Reading(2, 9, Quality.STALE, "Wh"))
        await fake_hub.settle()
        assert fake_hub.published["energy"] == Reading(4, 5, Quality.STALE, "Wh")


async def test_a_synthesizer_that_fails_never_leaves_an_old_result(losses, fake_hub) -> None:
    with pytest.raises(ValueError, match="cannot combine"):  # noqa: PT012 - it comes out at the end of the block
        async with fake_hub.running(losses) as task:
            fake_hub.give_all({n: Reading(1, 5, unit="Wh") for n in ("in/e", "out-1/e", "out-2/e")})
            await fake_hub.settle()
            assert fake_hub.published["energy"].good
            fake_hub.give("out-1/e", 5, unit="kWh")
            await fake_hub.settle()
            assert task.done()
    assert (fake_hub.published["energy"].value, fake_hub.published["energy"].quality) == (None, Quality.INVALID)


# -- descriptions -------------------------------------------------------------------------------


def test_a_description_holds_everything_that_the_core_must_know(tmp_path, monkeypatch) -> None:
    package = tmp_path / "acme_described"
    (package / "translations").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "translations" / "cs.json").write_text('{"Losses": "Ztráty"}')
    (package / "translations" / "README.md").write_text("no translation")
    monkeypatch.syspath_prepend(tmp_path)
    seen = EventType(number=1, name="seen", text="{what} was seen", help="Look.")
    guard = WriteGuard(("relay/*", "a/b"), lambda *_: None)
    made = plugin(Losses, GridRelay2, events=[seen], guards=[guard], name="acme_described")
    description = Description.decode(made.describe().encode())
    assert description == made.describe()
    losses, relay = description.services
    assert (losses.name, losses.kind, losses.feature, losses.single) == ("losses", "synthesizer", "synth.losses", False)
    assert losses.config_schema["properties"]["incoming"]["title"] == "Incoming meter"
    assert losses.config_schema["properties"]["incoming"]["unit"] == "Wh"
    assert losses.config_schema["properties"]["incoming"]["x-widget"] == "point"
    assert (relay.kind, relay.single, relay.rights_status, relay.rights_write) == ("driver", True, "R1", "R3")
    assert relay.status_schema["properties"]["count"]["type"] == "integer"
    assert [(c.name, c.timeout, c.rights) for c in relay.commands] == [
        ("reset-counter", 5, "R3"),
        ("set-it", 30, "R3 R5"),
    ]
    assert [(f.name, f.title, f.built_in) for f in description.features] == [
        ("synth.losses", "Loss calculation", False)
    ]
    assert [(e.name, e.log, e.severity, e.help) for e in description.events] == [("seen", "communication", 6, "Look.")]
    assert description.guards == ["a/b", "relay/*"]
    assert description.translations == {"cs": {"Losses": "Ztráty"}}


def test_the_same_plugin_is_always_described_in_the_same_bytes() -> None:
    def described() -> bytes:
        return Description(guards=["b", "a"], permissions={"x": "X", "a": "A"}).encode()

    assert described() == described()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": "1"}', b'{"services": [{}]}'])
def test_what_is_no_description_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        Description.decode(data)


def test_a_plugin_has_each_name_once() -> None:
    twin = type("Twin", (Losses,), {"name": "losses"})
    with pytest.raises(ValueError, match="acme-plugin offers two services named 'losses'; rename one"):
        plugin(Losses, twin)
    first = EventType(number=1, name="seen", text="x")
    for other in (EventType(number=1, name="other", text="x"), EventType(number=2, name="seen", text="x")):
        with pytest.raises(ValueError, match=r"declares two events with the (number|name)"):
            plugin(events=[first, other]).event_types()


def test_a_hook_that_does_not_exist_is_an_error() -> None:
    @hookimpl
    def meterhub_servces():
        return []

    with pytest.raises(Exception, match="unknown hook 'meterhub_servces'"):
        plugin(meterhub_servces=meterhub_servces)


def test_an_event_says_its_sentence_and_shows_what_is_missing() -> None:
    event = EventType(number=1, name="seen", text="{what} was seen at {place}")
    assert event.sentence({"what": "a comet"}) == "a comet was seen at {place}"
