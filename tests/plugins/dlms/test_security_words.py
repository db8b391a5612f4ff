"""Keys and system titles as people write them, and the counters of many senders on disk."""

from __future__ import annotations

import sqlite3
from typing import get_args

import pytest
import sqlite_utils
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms import counter_store
from meterhub_dlms.counter_store import KeyCounters, Sender, SqliteCounters
from meterhub_dlms.security import MECHANISMS, PROTECTIONS, Authentication, Security, SystemTitle, key_of
from meterhub_sdk import ConfigError
from pydantic import TypeAdapter, ValidationError

FIRST, SECOND = Sender(bytes(16), b"METER001"), Sender(bytes(16), b"METER002")


def test_every_word_of_the_settings_has_its_meaning():
    assert set(MECHANISMS) == set(get_args(Authentication))
    assert set(PROTECTIONS) == set(get_args(Security))


@given(st.binary(min_size=16, max_size=16), st.sampled_from(["", " ", "\t", "\n"]))
def test_a_key_may_have_blanks_between_its_digits(key, blank):
    assert key_of("k", key.hex(blank, 4) if blank == " " else key.hex() + blank) == key


@given(st.text(max_size=40).filter(lambda text: len("".join(text.split())) != 32))
def test_what_is_no_key_is_named_and_not_told(text):
    with pytest.raises(ConfigError) as refusal:
        key_of("k", text)
    size = len("".join(text.split()))
    sentence = f"the secret 'k' is no key: it takes 32 hexadecimal digits, {size} characters are there"
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("text", ["g" * 32, "٠" * 32, "0x" + "0" * 30, "+" + "0" * 31])
def test_digits_of_other_kinds_make_no_key(text):
    with pytest.raises(ConfigError, match="'k' is no key"):
        key_of("k", text)


@pytest.mark.parametrize(("text", "title"), [("", ""), ("4d48420000000001", "4D48420000000001")])
def test_a_system_title_is_eight_bytes_or_none(text, title):
    adapter = TypeAdapter(SystemTitle)
    assert adapter.validate_python(text) == title
    for wrong in (text + "0", text + " ", "x" * 16):
        with pytest.raises(ValidationError, match="is no system title"):
            adapter.validate_python(wrong)


@pytest.fixture
def database():
    database = sqlite_utils.Database(sqlite3.connect(":memory:", isolation_level=None))
    for migration in counter_store.MIGRATIONS:
        database.execute(migration)
    yield database
    database.conn.close()


def test_counters_of_many_senders_are_kept_all_or_none_and_one_is_forgotten(database, tmp_path):
    counters = KeyCounters(SqliteCounters(database, tmp_path))
    assert counters.received(*FIRST).highest == -1
    counters.keep_received({FIRST: 7, SECOND: 0xFFFF_FFFF})
    assert counters.received(*FIRST).highest == 7
    again = KeyCounters(SqliteCounters(database, tmp_path))
    assert [again.received(*sender).highest for sender in (FIRST, SECOND)] == [7, 0xFFFF_FFFF]
    database.execute("CREATE TRIGGER full BEFORE INSERT ON invocation_counters BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(OSError, match="kept on disk: full"):
        again.keep_received({FIRST: 8, SECOND: 9})
    assert again.received(*FIRST).highest == 7
    again.forget_received(*FIRST)
    assert KeyCounters(SqliteCounters(database, tmp_path)).received(*FIRST).highest == -1
