"""Names, classes and units of OBIS codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms_explain import catalogue
from meterhub_dlms_explain.settings import MOST_CODES, CodeArguments, CodesArguments
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("code", "class_id", "name", "unit", "classes"),
    [
        ("1-0:1.8.0*255", 3, "Sum Li Active power+ (QI+QIV) Time integral 1 Rate 0 (0 is total)", "Wh", [3, 4]),
        ("1-1.3.8.2.255", 3, "Sum Li Reactive power+ (QI+QII) Time integral 1 Rate 2 (0 is total)", "varh", [3, 4]),
        ("1.0.32.7.0.255", 3, "L1 Voltage Inst. value", "V", [3, 4]),
        ("1-0:71.7.0*255", 3, "L3 Current Inst. value", "A", [3, 4]),
        ("1-0:13.7.0*255", 3, "Sum Li Power factor Inst. value", "", [3, 4]),
        ("1-0:14.7.0*255", 3, "Supply frequency Inst. value", "Hz", [3, 4]),
        ("0100010600ff", 4, "Sum Li Active power+ (QI+QIV) Max. 1 Rate 0 (0 is total)", "W", [3, 4, 7]),
        ("0-0:1.0.0*255", 8, "Clock object #1", "", [8]),
        ("1-0:99.1.0*255", 7, "Load profile with recording period 1 #1", "", [7]),
        ("0-0:96.1.0*255", 0, "Device ID 1, manufacturing number", "", [1, 3, 4]),
        ("250.1.1.1.1.1", 0, "", "", []),
    ],
)
async def test_codes_have_names_units_and_classes(service, code, class_id, name, unit, classes):
    named = await service.object_name(CodeArguments(code=code, class_id=class_id))
    assert (named.name, named.unit, named.classes) == (name, unit, classes)
    assert len(named.class_names) == len(classes)


async def test_a_list_is_answered_in_its_order(service):
    codes = [CodeArguments(code=f"1-0:{c}.8.0*255") for c in (1, 2, 3, 250)]
    named = (await service.objects(CodesArguments(codes=codes))).objects
    assert [one.code for one in named] == [one.code for one in codes]
    assert [one.unit for one in named] == ["Wh", "Wh", "varh", ""]


@given(st.integers(0, 255), st.integers(0, 255))
def test_the_unit_of_energy_stands_exactly_at_time_integrals(c, d):
    code = bytes((1, 0, c, d, 0, 255))
    unit = catalogue.usual_unit(code)
    assert not unit.endswith("h") or "Time integral" in catalogue.look_up(code, 3).name or c > 92


@given(st.binary(min_size=6, max_size=6))
def test_codes_come_back_in_every_spelling(code):
    a, b, c, d, e, f = code
    spellings = [f"{a}-{b}:{c}.{d}.{e}*{f}", f"{a}-{b}.{c}.{d}.{e}.{f}", f"{a}.{b}.{c}.{d}.{e}.{f}", code.hex()]
    assert {catalogue.parse_code(text) for text in spellings} == {code}
    assert catalogue.written(code) == spellings[0]


@pytest.mark.parametrize("text", ["", "1.8.0", "1-0:1.8.0*256", "1-0:1.8.0*255x", "٣.0.1.8.0.255", "01000108ff"])
def test_what_is_no_code_is_said(text):
    with pytest.raises(ValidationError, match="is not an OBIS code; write six numbers up to 255"):
        CodeArguments(code=text)


def test_a_list_has_a_limit():
    one = CodeArguments(code="1-0:1.8.0*255")
    with pytest.raises(ValidationError, match="at most 500 items"):
        CodesArguments(codes=[one] * (MOST_CODES + 1))


def test_any_six_octets_can_be_looked_up():
    for seed in range(300):
        code = bytes((seed * prime) % 256 for prime in (1, 7, 13, 29, 53, 101))
        assert catalogue.look_up(code).code == catalogue.written(code)
