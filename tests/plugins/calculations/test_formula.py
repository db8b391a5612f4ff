"""The synthesizer formula: units, time and quality, and its settings."""

from __future__ import annotations

import pytest
from meterhub_calculations.formula import Formula, FormulaConfig
from meterhub_sdk import Clock, ConfigError, Quality, Reading
from pydantic import ValidationError


def config(formula, unit="", **inputs):
    """Each input is its point, or a point with factor and unit."""
    rows = [{"name": name, **(its if isinstance(its, dict) else {"point": its})} for name, its in inputs.items()]
    return FormulaConfig(formula=formula, unit=unit, inputs=rows)


def compute(config, **readings):
    now = {row.point: readings[row.name] for row in config.inputs}
    return Formula(None, config).compute(now)["value"]


POWERS = config("sqrt(p**2 + q**2)", "VA", p="m/p", q={"point": "m/q", "unit": "W"})


def test_apparent_power_from_two_powers_with_the_worst_of_both():
    with pytest.raises(ConfigError, match=r"the formula gives W, and the unit of the result is VA"):
        compute(POWERS, p=Reading(3, 9, unit="W"), q=Reading(4, 5, unit="var"))
    right = config("sqrt(p**2 + q**2)", "VA", p={"point": "m/p", "unit": "VA"}, q={"point": "m/q", "unit": "VA"})
    result = compute(
        right, p=Reading(3, 9, unit="W"), q=Reading(4, 5, Quality.SUBSTITUTED, "var", clock=int(Clock.INVALID))
    )
    assert result == Reading(5.0, 5, Quality.SUBSTITUTED, "VA", 0, Clock.INVALID)


@pytest.mark.parametrize(
    ("formula", "units", "unit", "sentence"),
    [
        ("a + b", "W var", "W", "'a \\+ b' brings W and var together"),
        ("max(a, b) * 2", "W kW", "W", "'max\\(a, b\\)' brings W and kW together"),
        ("if(a > 0, a, b)", "W A", "W", "'if\\(a > 0, a, b\\)' brings W and A together"),
        ("a * b < b", "V A", "", "'a \\* b < b' brings V·A and A together"),
        ("a * a + b", "V A", "", "brings V\\^2 and A together"),
        ("a + b", "W W", "kW", "the formula gives W, and the unit of the result is kW"),
        ("a * b / b", "W A", "", "the formula gives W, and the unit of the result is none"),
        ("sqrt(a * a) + 0 * b / b", "W A", "W", "brings W and no unit together"),
    ],
)
def test_units_that_do_not_fit_are_told(formula, units, unit, sentence):
    a, b = units.split()
    with pytest.raises(ConfigError, match=sentence):
        compute(config(formula, unit, a="m/a", b="m/b"), a=Reading(1, 1, unit=a), b=Reading(2, 1, unit=b))


@pytest.mark.parametrize(
    ("formula", "units", "unit", "value"),
    [
        ("a * b", "V A", "VA", 6),
        ("100 * a / b", "Wh Wh", "%", 150),
        ("a + b + 1", "W W", "W", 6),
        ("if(b > 1, 5000, 0) + a", "W A", "W", 5003),
        ("(a > 1 and b > 1) * 2", "W A", "", 2),
        ("-a ** 2 / b", "V Ω", "W", -4.5),
        ("abs(round(a, 1)) + b", "W W", "W", 5),
        ("sqrt(a * b)", "W W", "W", 6**0.5),
    ],
)
def test_units_that_fit_give_a_result(formula, units, unit, value):
    a, b = units.split()
    result = compute(config(formula, unit, a="m/a", b="m/b"), a=Reading(3, 1, unit=a), b=Reading(2, 1, unit=b))
    assert (result.value, result.unit) == (pytest.approx(value), unit)


def test_a_factor_and_a_unit_bring_inputs_together():
    both = config("a + b", "W", a="m/a", b={"point": "m/b", "factor": 1000, "unit": "W"})
    assert compute(both, a=Reading(5, 1, unit="W"), b=Reading(2, 1, unit="kW")).value == 2005


def test_every_input_counts_whichever_branch_was_taken():
    chosen = config("if(s, a, b)", "W", s="m/s", a="m/a", b="m/b")
    stale = compute(chosen, s=Reading(True, 8), a=Reading(1, 9, unit="W"), b=Reading(2, 3, Quality.STALE, unit="W"))
    assert (stale.value, stale.time, stale.quality) == (1, 3, Quality.STALE)
    missing = compute(chosen, s=Reading(True, 8), a=Reading(1, 9, unit="W"), b=Reading.missing())
    assert (missing.value, missing.quality) == (None, Quality.INVALID)


@pytest.mark.parametrize("bad", [Reading(0, 1), Reading("text", 1), Reading(float("nan"), 1), Reading(float("inf"), 1)])
def test_no_result_is_an_invalid_one(bad):
    result = compute(config("1 / a", a="m/a"), a=bad)
    assert (result.value, result.quality) == (None, Quality.INVALID)


async def test_a_comparison_is_a_bool_point_that_the_hub_takes(fake_hub):
    service = Formula(fake_hub, config("a > 5 or a < -5", a={"point": "m/a", "unit": ""}))
    assert [point.type for point in service.points()] == ["bool"]
    async with fake_hub.running(service):
        assert fake_hub.published["value"].quality == Quality.INVALID
        fake_hub.give("m/a", Reading(6, 3, unit="A"))
        await fake_hub.settle()
        assert fake_hub.published["value"] == Reading(True, 3)


@pytest.mark.parametrize(
    ("formula", "inputs", "sentence"),
    [
        ("a + c", {"a": "m/a"}, "the formula uses c, which is no input; the inputs are a"),
        ("a", {"a": "m/a", "b": "m/b"}, "the formula does not use b; remove it"),
        ("a +", {"a": "m/a"}, "cannot be read"),
        ("a", {"if": "m/a"}, "an input cannot be called if"),
        ("a", {"max": "m/a"}, "an input cannot be called max"),
        ("a", {"A": "m/a"}, "pattern"),
    ],
)
def test_settings_are_refused_in_a_sentence(formula, inputs, sentence):
    with pytest.raises(ValidationError, match=sentence):
        config(formula, **inputs)
    with pytest.raises(ValidationError, match="two inputs have the name a"):
        FormulaConfig(formula="a", inputs=[{"name": "a", "point": "m/a"}] * 2)
