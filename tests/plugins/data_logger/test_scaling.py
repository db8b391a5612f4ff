"""The chain of scalers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_data_logger.scaling import scaled
from meterhub_data_logger.settings import Source
from pydantic import ValidationError

CURVE = [{"x": 0, "y": 10}, {"x": 10, "y": 20}, {"x": 20, "y": 0}]


def chain(*scalers):
    return Source.model_validate({"label": "s", "points": ["**"], "scalers": scalers}).scalers


def curve(outside):
    return {"kind": "linear-interpolation", "points": CURVE, "outside": outside}


@pytest.mark.parametrize(
    ("scalers", "value", "result"),
    [
        ([], 5, 5),
        ([{"kind": "round", "digits": 1}], 2.25, 2.3),
        ([{"kind": "round", "digits": 2}], 1.005, 1.01),
        ([{"kind": "round"}], 2.5, 3),
        ([{"kind": "round"}], -2.5, -3),
        ([{"kind": "round", "digits": -3}], 1_234_567, 1_235_000),
        ([{"kind": "round", "digits": 15}], 1e300, 1e300),
        ([{"kind": "add", "summand": -3}], 10, 7),
        ([{"kind": "multiply", "factor": 1000}], 3, 3000),
        ([{"kind": "multiply", "factor": 0.001}], 1500, 1.5),
        ([{"kind": "polynomial", "coefficients": [1, 2, 3]}], 2, 17.0),
        ([{"kind": "polynomial", "coefficients": [4]}], 99, 4.0),
        ([curve("hold")], 5, 15.0),
        ([curve("hold")], 15, 10.0),
        ([curve("hold")], 20, 0.0),
        ([curve("hold")], -5, 10.0),
        ([curve("hold")], 99, 0.0),
        ([curve("extend")], -5, 5.0),
        ([curve("extend")], 25, -10.0),
        ([curve("invalid")], 25, None),
        ([{"kind": "multiply", "factor": 2}, {"kind": "add", "summand": 1}], 3, 7),
        ([{"kind": "add", "summand": 1}, {"kind": "multiply", "factor": 2}], 3, 8),
        ([{"kind": "multiply", "factor": 1e308}], 1e308, None),
        ([{"kind": "multiply", "factor": 2**60}], 2**60, float(2**120)),
        ([{"kind": "round"}], math.inf, None),
        ([], math.nan, None),
        ([{"kind": "add", "summand": 1}], True, 2),
    ],
)
def test_scalers_are_applied_one_after_the_other(scalers, value, result):
    found = scaled(chain(*scalers), value)
    assert found == result
    assert type(found) is type(result)


@given(st.floats(), st.integers(-15, 15))
def test_rounding_never_fails_and_never_moves_far(value, digits):
    found = scaled(chain({"kind": "round", "digits": digits}), value)
    if found is not None:
        assert abs(found - value) <= 0.5 * 10.0**-digits * 1.000001 + abs(value) * 1e-15


@given(st.floats(0, 20))
def test_a_curve_stays_between_its_points(value):
    assert 0 <= scaled(chain(curve("invalid")), value) <= 20


@pytest.mark.parametrize(
    ("scaler", "sentence"),
    [
        ({"kind": "linear-interpolation", "points": [CURVE[1], CURVE[0]]}, "the inputs must ascend, and 0 follows 10"),
        ({"kind": "linear-interpolation", "points": [CURVE[1], CURVE[1]]}, "the inputs must ascend"),
        ({"kind": "polynomial", "coefficients": []}, "at least 1 item"),
        ({"kind": "multiply", "factor": math.inf}, "finite number"),
        ({"kind": "divide", "by": 2}, "expected tags"),
    ],
)
def test_a_scaler_that_cannot_work_is_refused(scaler, sentence):
    with pytest.raises(ValidationError) as caught:
        chain(scaler)
    assert sentence in str(caught.value)
