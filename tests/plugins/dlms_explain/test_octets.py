"""Hexadecimal as people write it; what is none is said with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms_explain.octets import MOST_OCTETS, read_blocks
from meterhub_dlms_explain.settings import FrameArguments
from meterhub_sdk import Refused
from pydantic import ValidationError

spaces = st.sampled_from(["", " ", ":", "-", ", ", "\n", "\t"])


@given(st.lists(st.tuples(st.integers(0, 255), spaces, st.booleans()), min_size=1, max_size=50))
def test_octets_come_back_however_they_are_written(octets):
    text = "".join((f"{octet:02X}" if upper else f"{octet:02x}") + space for octet, space, upper in octets)
    assert b"".join(read_blocks(text)) == bytes(octet for octet, _, _ in octets)


@pytest.mark.parametrize("between", [";", "\n\n", "\r\n  \r\n", " ; \n"])
def test_a_semicolon_or_an_empty_line_ends_a_block(between):
    assert read_blocks(f"c0 01{between}c4 01{between}") == [b"\xc0\x01", b"\xc4\x01"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("7e a0\n07 0x", "line 2, character 5: 'x' is not a hexadecimal digit (0-9, a-f)"),
        ("7e a 07", "line 1, character 4: 'a' lacks a digit; an octet is two of them"),
        ("7e\n\na07", "line 3, character 1: 'a07' lacks a digit; an octet is two of them"),
        ("٣٣", "line 1, character 1: '٣' is not a hexadecimal digit (0-9, a-f)"),
        (" ;;\n", f"the hex holds 0 octets; 1 to {MOST_OCTETS} can be explained at once"),
        (
            "00" * (MOST_OCTETS + 1),
            f"the hex holds {MOST_OCTETS + 1} octets; 1 to {MOST_OCTETS} can be explained at once",
        ),
    ],
)
async def test_bad_hex_gives_one_sentence_that_names_the_place(explain, text, sentence):
    with pytest.raises(Refused) as told:
        await explain(text)
    assert str(told.value) == sentence


def test_digits_alone_are_taken_as_written_though_the_command_line_reads_a_number():
    assert FrameArguments.model_validate({"hex": 6103}).hex == "6103"
    with pytest.raises(ValidationError, match=r"came as the number 610000\.0; write it with spaces"):
        FrameArguments.model_validate({"hex": 61e4})
