"""Settings that know what they refer to, and checks that tell all errors at once."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from meterhub_sdk import Config, ConfigError, Label, Point, PointName, SecretName, SerialPort, Service, TcpPort, field
from meterhub_sdk.checking import Checked, check_section, validate
from meterhub_sdk.config import references
from pydantic import Field, field_validator


class Row(Config):
    """One row."""

    label: Label = field(title="Label")
    point: PointName | None = field(None, title="Point")
    extra: dict[str, PointName] = field({}, title="Extra")


class Serial(Config):
    """Over a serial line."""

    kind: Literal["serial"] = field("serial", title="Kind")
    port: SerialPort = field(title="Port")


class Tcp(Config):
    """Over a network."""

    kind: Literal["tcp"] = field("tcp", title="Kind")
    listen: TcpPort = field(title="Port")


class Settings(Config):
    """Everything that can hold a reference."""

    version = 3

    rows: list[Row] = field([], title="Rows")
    pair: tuple[PointName, PointName] | None = field(None, title="Pair")
    nested: list[list[PointName]] = field([], title="Nested")
    either: PointName | int = field(1, title="Either")
    password: SecretName | None = field(None, title="Password")
    plain: str = field("", title="Plain password", widget="password", max_length=5)
    line: Annotated[Serial | Tcp, Field(discriminator="kind")] | None = field(None, title="Line")
    number: int = field(1, title="Number", ge=1, le=10)

    @field_validator("rows")
    @classmethod
    def _once(cls, rows: list[Row]) -> list[Row]:
        if len({row.label for row in rows}) < len(rows):
            raise ValueError("two rows have one label; give one another label")
        return rows

    @classmethod
    def migrate(cls, old, version):
        if version == 1:
            raise KeyError("something that version 1 never had")
        return {"number": old["count"]}


class Offering(Service[Settings]):
    """Its points come from its rows."""

    def points(self):
        if self.config.number == 9:
            return self.hub.points.latest("x")
        if self.config.number == 8:
            raise ZeroDivisionError("eight")
        return [Point(name=row.label) for row in self.config.rows] + (
            [Point(name="a b")] if self.config.number == 7 else []
        )


def found(section: dict) -> dict:
    return {".".join(map(str, f.path)): (f.value, f.reference.kind) for f in references(Settings(**section))}


def test_references_are_found_wherever_they_stand() -> None:
    section = {
        "rows": [{"label": "a", "point": "m/a"}, {"label": "b", "extra": {"x": "m/x", "y": "m/y"}}],
        "pair": ["m/1", "m/2"],
        "nested": [["m/3"], [], ["m/4", "m/5"]],
        "either": "m/6",
        "password": "secret-name",
        "line": {"kind": "tcp", "listen": 502},
    }
    assert found(section) == {
        "rows.0.point": ("m/a", "point"),
        "rows.1.extra.x": ("m/x", "point"),
        "rows.1.extra.y": ("m/y", "point"),
        "pair.0": ("m/1", "point"),
        "pair.1": ("m/2", "point"),
        "nested.0.0": ("m/3", "point"),
        "nested.2.0": ("m/4", "point"),
        "nested.2.1": ("m/5", "point"),
        "either": ("m/6", "point"),
        "password": ("secret-name", "secret"),
        "line.listen": (502, "tcp"),
    }


def test_only_ports_to_listen_on_are_exclusive() -> None:
    section = Settings(rows=[{"label": "a", "point": "m/a"}], line={"kind": "serial", "port": "com1"})
    assert {f.reference.kind: f.reference.exclusive for f in references(section)} == {"point": False, "serial": False}
    assert all(f.reference.exclusive for f in references(Tcp(listen=1)))


def test_what_is_not_given_refers_to_nothing() -> None:
    assert found({}) == {}
    assert found({"either": 5}) == {}


@pytest.mark.parametrize(
    ("section", "path", "said"),
    [
        ({"colour": 1}, ["colour"], "colour is not a setting here; remove it or mend its name"),
        ({"rows": [{}]}, ["rows", 0, "label"], "label is missing; it must be given"),
        (
            {"rows": [{"label": "a b"}]},
            ["rows", 0, "label"],
            "'a b' holds ' '; a name has none of / ? # % * and no spaces",
        ),
        ({"rows": [{"label": "a", "pont": "x"}]}, ["rows", 0, "pont"], "pont is not a setting here"),
        ({"rows": [{"label": "a"}, {"label": "a"}]}, ["rows"], "two rows have one label; give one another label"),
        ({"rows": "none"}, ["rows"], "rows: 'none' was given; input should be a valid list"),
        ({"rows": [5]}, ["rows", 0], "rows: '5' was given; "),
        ({"number": 11}, ["number"], "number: '11' was given; input should be less than or equal to 10"),
        ({"number": "x" * 500}, ["number"], "number: '" + "x" * 60 + "…' was given"),
        ({"line": {"kind": "tcp", "listen": 0}}, ["line", "listen"], "listen: '0' was given; "),
        ({"line": {"kind": "carrier pigeon"}}, ["line"], "line: "),
        ({"line": {"kind": "tcp"}}, ["line", "listen"], "listen is missing; it must be given"),
        ({"rows": [{"label": "a", "extra": {"x": "a b"}}]}, ["rows", 0, "extra", "x"], "'a b' in 'a b' holds ' '"),
        ({"password": "a/b"}, ["password"], "'a/b' holds '/'"),
    ],
)
def test_an_error_is_told_where_it_was_entered(section: dict, path: list, said: str) -> None:
    config, faults = validate(Settings, section)
    assert config is None
    assert [fault.path for fault in faults] == [path]
    assert said in faults[0].message
    assert "\n" not in faults[0].message


def test_all_errors_are_told_at_once() -> None:
    _, faults = validate(Settings, {"number": 0, "colour": 1, "rows": [{"label": "x" * 65}, {}]})
    assert sorted(".".join(map(str, f.path)) for f in faults) == ["colour", "number", "rows.0.label", "rows.1.label"]


@pytest.mark.parametrize("section", [[], "text", 5, None])
def test_a_section_is_an_object(section) -> None:
    config, faults = validate(Settings, section)
    assert config is None
    assert faults[0].path == []
    assert "this section" in faults[0].message


@pytest.mark.parametrize("value", ["hunter2-hunter2", 1234567, ["hunter2"], {"a": "hunter2"}])
def test_a_password_is_never_shown(value) -> None:
    _, faults = validate(Settings, {"plain": value})
    assert faults[0].path == ["plain"]
    assert "hunter2" not in faults[0].message
    assert "1234567" not in faults[0].message


# -- versions ---------------------------------------------------------------------------------


def test_settings_of_an_older_version_are_migrated_first() -> None:
    config, faults = validate(Settings, {"count": 5}, version=2)
    assert (config, faults) == (Settings(number=5), [])
    config, faults = validate(Settings, {"count": 50}, version=2)
    assert [fault.path for fault in faults] == [["number"]]
    assert validate(Settings, {"number": 5}, version=3)[0] == Settings(number=5)


def test_a_migration_that_fails_is_an_error_and_not_an_exception() -> None:
    config, faults = validate(Settings, {}, version=1)
    assert config is None
    assert "these settings of version 1 cannot be turned into version 3" in faults[0].message


def test_settings_of_a_newer_version_need_a_newer_plugin() -> None:
    config, faults = validate(Settings, {}, version=4)
    assert config is None
    assert faults[0].message == "these settings have version 4; this plugin knows up to 3: install a newer one"


# -- sections of services ---------------------------------------------------------------------


def test_a_checked_section_says_what_it_offers_and_needs() -> None:
    checked = check_section(
        Offering, {"rows": [{"label": "a", "point": "m/a"}], "line": {"kind": "tcp", "listen": 502}}
    )
    assert checked.errors == []
    assert [point.name for point in checked.points] == ["a"]
    assert [(n.path, n.kind, n.value, n.exclusive) for n in checked.needs] == [
        (["rows", 0, "point"], "point", "m/a", False),
        (["line", "listen"], "tcp", 502, True),
    ]
    assert checked.section == {"rows": [{"label": "a", "point": "m/a"}], "line": {"kind": "tcp", "listen": 502}}


def test_defaults_are_not_written_into_the_document() -> None:
    """So that a later version may have better ones."""
    assert check_section(Offering, {}).section == {}
    assert check_section(Offering, {"number": 1}).section == {"number": 1}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (9, "hub.points.latest() was called while the configuration was only checked"),
        (8, "the points of these settings cannot be told: eight"),
        (7, "'a b' in 'a b' holds ' '"),
    ],
)
def test_points_are_a_function_of_the_settings_alone(number: int, said: str) -> None:
    checked = check_section(Offering, {"number": number})
    assert said in checked.errors[0].message
    assert checked == Checked(errors=checked.errors)


def test_two_points_of_one_name_are_an_error() -> None:
    class Twice(Offering):
        def points(self):
            return [Point(name="a"), Point(name="b"), Point(name="a")]

    assert [fault.message for fault in check_section(Twice, {}).errors] == [
        "two rows make the point 'a'; give one another label"
    ]


def test_a_service_that_cannot_be_made_is_an_error() -> None:
    class Picky(Offering):
        def __init__(self, hub, config) -> None:
            raise ConfigError("the two addresses are the same")

    assert "the two addresses are the same" in check_section(Picky, {}).errors[0].message


class _Kinds(Config):
    count: int = field(0, title="Count")
    ratio: float | None = field(None, title="Ratio")
    on: bool = field(False, title="On")
    rows: list[dict[str, int]] = field([], title="Rows")
    either: bool | int | None = field(None, title="Either")


@pytest.mark.parametrize(
    ("section", "faults"),
    [
        ({"count": False}, {("count",): "count: 'False' was given; input should be a valid integer"}),
        ({"ratio": True}, {("ratio",): "ratio: 'True' was given; input should be a valid number"}),
        ({"on": 0}, {("on",): "on: '0' was given; input should be a valid boolean"}),
        ({"rows": [{"a": 1}, {"a": True}]}, {("rows", 1, "a"): "a: 'True' was given; input should be a valid integer"}),
        ({"count": True, "on": 1}, {("count",): "count", ("on",): "on"}),
        ({"count": 1, "ratio": 1, "on": True, "either": True}, {}),
        ({"count": "1", "ratio": "1.5", "on": "true", "either": 1}, {}),
    ],
)
def test_truth_values_are_no_numbers_and_numbers_no_truth_values(section, faults) -> None:
    _, found = validate(_Kinds, section)
    assert {tuple(fault.path) for fault in found} == set(faults)
    assert all(fault.message.startswith(faults[tuple(fault.path)]) for fault in found)
