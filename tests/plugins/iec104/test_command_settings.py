"""Settings of commands: what is refused, and that the sentence names the row and a way out."""

from __future__ import annotations

import pytest
from meterhub_iec104.command_settings import CommandRow
from meterhub_iec104.settings import Iec104Settings
from pydantic import ValidationError

SWITCH = {"type": "C_SC", "point": "m/switch", "ioa": 5000}
LEVEL = {"type": "C_SE_NC", "point": "m/level", "ioa": 5001}
MONITORED = {"type": "M_SP", "point": "m/switch", "ioa": 5000}


def settings(*rows, groups=None, **more):
    commands = {"groups": groups or [{"label": "c", "rows": list(rows)}], **more}
    return Iec104Settings.model_validate({"groups": [{"label": "g", "rows": [MONITORED]}], "commands": commands})


def test_commands_are_careful_unless_told_otherwise():
    commands = Iec104Settings().commands
    assert (commands.maximum_age, commands.maximum_lead, commands.remote_when_unknown) == (10, 5, False)
    assert (commands.clock_synchronization, commands.reset_process) == ("refuse", "refuse")
    row = CommandRow.model_validate(SWITCH)
    assert (row.execution, row.qualifiers, row.read_back) == ("either", ["none", "persistent"], False)


def test_a_command_may_have_the_address_of_a_monitored_object_and_of_a_command_of_another_station():
    found = settings({**SWITCH, "return_ioa": 5000}, groups=[
        {"label": "a", "rows": [{**SWITCH, "return_ioa": 5000}]},
        {"label": "b", "common_address": 2, "rows": [SWITCH]},
    ])  # fmt: skip
    assert [(address, row.ioa) for address, row in found.commands.rows(1)] == [(1, 5000), (2, 5000)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"ioa": 0}, "ioa"),
        ({"ioa": 2**24}, "ioa"),
        ({"type": "C_IC"}, "type"),
        ({"point": "no name"}, "point"),
        ({"second_point": "m/b"}, "C_SC m/switch) has a data point 2, which only C_DC and C_RC have"),
        ({"type": "C_DC", "second_point": "m/switch"}, "has the same data point 1 and 2"),
        ({"on": 1, "off": 1}, "has the same value for ON and OFF (1)"),
        ({"on": float("inf")}, "on"),
        ({"step": 1}, "has a step, which only C_RC without a data point 2 has"),
        ({"type": "C_RC", "second_point": "m/b", "step": 1}, "has a step"),
        ({"type": "C_RC", "step": 0}, "step"),
        ({"scaling": 2}, "has scaling 2; set points take any but 0, the others only 1"),
        ({"type": "C_SE_NB", "scaling": 0}, "has scaling 0"),
        ({"minimum": 0}, "has a minimum or maximum, which only set points have"),
        ({"type": "C_SE_NB", "minimum": 2, "maximum": 1}, "has minimum 2 and maximum 1; exchange them"),
        ({"type": "C_SE_NB", "inverted": True}, "is no switching command"),
        ({"type": "C_BO", "on": 1}, "is no switching command"),
        ({"type": "C_BO", "execution": "select"}, "shall be selected, which bit strings cannot be"),
        ({"qualifiers": []}, "qualifiers"),
        ({"qualifiers": ["pulse"]}, "qualifiers"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": 301}, "time_limit"),
        ({"return_ioa": 77}, "has return information 77, which is no monitored object of common address 1"),
    ],
)
def test_commands_that_cannot_work_are_refused(wrong, sentence):
    with pytest.raises(ValidationError) as refused:
        settings({**SWITCH, **wrong})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "more", "sentence"),
    [
        (
            [SWITCH, {**LEVEL, "ioa": 5000}],
            {},
            "IOA 5000 of common address 1 is used twice, by the command at IOA 5000 (C_SC m/switch) and by "
            "the command at IOA 5000 (C_SE_NC m/level)",
        ),
        ([{**SWITCH, "execution": "direct"}], {"direct_execute": False}, "can only be executed directly, which is off"),
        ([{**SWITCH, "type": "C_BO"}], {"direct_execute": False}, "can only be executed directly, which is off"),
        ([], {"clock_synchronization": "forward"}, "shall be forwarded to no point; give the point for the time"),
        ([], {"select_timeout": 0}, "select_timeout"),
        ([], {"maximum_age": -1}, "maximum_age"),
        ([], {"groups": [{"label": "a"}, {"label": "a"}]}, "two groups of commands are called 'a'"),
        ([], {"groups": [{"label": "a", "common_address": 65535}]}, "common_address"),
        (
            [],
            {"groups": [{"label": "a", "common_address": 2, "rows": [{**SWITCH, "return_ioa": 5000}]}]},
            "no monitored object of common address 2",
        ),
    ],
)
def test_sections_that_cannot_work_are_refused(rows, more, sentence):
    with pytest.raises(ValidationError) as refused:
        settings(*rows, **more)
    assert sentence in str(refused.value)
