"""Sum, difference, mean, minimum and maximum: values, and what they are worth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_calculations.difference import Difference, DifferenceConfig
from meterhub_calculations.extremes import Extremes
from meterhub_calculations.mean import Mean
from meterhub_calculations.settings import Inputs
from meterhub_calculations.sum import Sum
from meterhub_sdk import Clock, ConfigError, Quality, QualityFlag, Reading

numbers = st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.booleans()
readings = st.builds(
    Reading,
    numbers,
    st.integers(0, 10**18),
    st.integers(0, 3),
    st.just("W"),
    st.integers(0, 3),
    st.integers(0, 2),
)


def made(kind, count, unit="W"):
    names = [f"m/{n}" for n in range(count)]
    if kind is Difference:
        return Difference(None, DifferenceConfig(point=names[0], less=names[1:], unit=unit))
    return kind(None, Inputs(inputs=names, unit=unit))


def compute(kind, inputs, unit="W"):
    service = made(kind, len(inputs), unit)
    return service.compute(dict(zip(service.inputs(), inputs, strict=True)))


@given(st.lists(readings, min_size=2, max_size=8))
def test_values_are_those_of_arithmetic_and_each_result_is_worth_its_worst_input(inputs):
    values = [reading.value for reading in inputs]
    expected = {
        Sum: [math.fsum(values)],
        Mean: [math.fsum(values) / len(values)],
        Difference: [values[0] - math.fsum(values[1:])],
        Extremes: [float(min(values)), float(max(values))],
    }
    for kind, wanted in expected.items():
        results = list(compute(kind, inputs).values())
        assert [r.value for r in results] == pytest.approx(wanted, rel=1e-9, abs=1e-3)
        for result in results:
            assert result.unit == "W"
            assert type(result.value) in (int, float)
            assert result.time == min(r.time for r in inputs)
            assert result.quality == max(r.quality for r in inputs)
            assert result.clock == max(r.clock for r in inputs)
            assert [bool(result.flags & flag) for flag in QualityFlag] == [
                any(r.flags & flag for r in inputs) for flag in QualityFlag
            ]


@pytest.mark.parametrize("kind", [Sum, Mean, Difference, Extremes])
@pytest.mark.parametrize("bad", [Reading.missing(), Reading("text", 1, unit="W"), Reading(math.nan, 1, unit="W")])
def test_an_input_without_a_number_makes_the_result_invalid(kind, bad):
    for result in compute(kind, [Reading(1, 5, unit="W"), bad]).values():
        assert (result.value, result.quality, result.unit) == (None, Quality.INVALID, "W")


@pytest.mark.parametrize("kind", [Sum, Mean, Difference, Extremes])
def test_another_unit_is_told_with_the_names(kind):
    with pytest.raises(ConfigError, match="m/1 counts in kW and m/0 in W; all inputs must count in W"):
        compute(kind, [Reading(1, 1, unit="W"), Reading(1, 1, unit="kW")])


@pytest.mark.parametrize("kind", [Sum, Mean, Difference, Extremes])
def test_points_count_in_the_unit_of_the_settings(kind):
    assert {point.unit for point in made(kind, 2, "kvar").points()} == {"kvar"}


async def test_a_stale_input_reaches_the_hub_as_a_stale_sum(fake_hub):
    async with fake_hub.running(Sum(fake_hub, Inputs(inputs=["a/x", "b/x"], unit="A"))):
        fake_hub.give("a/x", Reading(1, 7, unit="A"))
        fake_hub.give("b/x", Reading(2, 9, unit="A", clock=Clock.INVALID))
        await fake_hub.settle()
        assert fake_hub.published["value"] == Reading(3, 7, unit="A", clock=Clock.INVALID)
        fake_hub.give("a/x", Reading(1, 7, Quality.STALE, "A"))
        await fake_hub.settle()
        assert fake_hub.published["value"].quality == Quality.STALE
