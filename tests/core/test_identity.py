"""The identity is made once, kept, and never silently another one."""

import re
import socket
import stat

import pytest

from meterhub.identity import Identity, IdentityError


def test_an_identity_is_made_at_the_first_start_and_stays(tmp_path):
    first, second = Identity(tmp_path), Identity(tmp_path)
    assert re.fullmatch(r"MH-[0-9A-F]{12}", first.serial)
    assert (second.serial, second.event_key) == (first.serial, first.event_key)
    assert (first.event_key_is_new, second.event_key_is_new) == (True, False)
    assert first.product == "meterhub"
    assert first.host_name == socket.gethostname()


def test_two_instances_differ(tmp_path):
    homes = tmp_path / "a", tmp_path / "b"
    for home in homes:
        home.mkdir()
    one, other = map(Identity, homes)
    assert one.serial != other.serial
    assert one.event_key != other.event_key


def test_the_event_key_is_private_and_shown_nowhere(tmp_path):
    identity = Identity(tmp_path)
    assert stat.S_IMODE((tmp_path / "event.key").stat().st_mode) == 0o600
    assert len(identity.event_key) == 32
    assert identity.event_key.hex() not in repr(identity)
    assert repr(identity) == f"<Identity meterhub {identity.serial}>"


def test_an_integrators_serial_number_wins_when_there_is_one(tmp_path):
    given = tmp_path / "serial"
    own = Identity(tmp_path, given).serial
    given.write_text("ACME-000123\n")
    assert Identity(tmp_path, given).serial == "ACME-000123"
    given.unlink()
    assert Identity(tmp_path, given).serial == own


@pytest.mark.parametrize(
    "content", [b"", b"a b", b"x" * 65, b"-abc", b"MH-1\nMH-2", "Zähler".encode(), b"\xff\xff\xff"]
)
def test_a_useless_serial_number_of_an_integrator_stops_the_start(tmp_path, content):
    given = tmp_path / "serial"
    given.write_bytes(content)
    with pytest.raises(IdentityError, match="serial"):
        Identity(tmp_path, given)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"product": "meterhub", "serial": 3}', b"x" * 5000])
def test_a_damaged_identity_is_not_replaced_by_a_new_one(tmp_path, content):
    (tmp_path / "identity.json").write_bytes(content)
    with pytest.raises(IdentityError, match=r"identity\.json"):
        Identity(tmp_path)
    assert (tmp_path / "identity.json").read_bytes() == content


def test_a_lost_event_key_is_made_anew_and_told(tmp_path):
    first = Identity(tmp_path)
    (tmp_path / "event.key").unlink()
    second = Identity(tmp_path)
    assert second.serial == first.serial
    assert second.event_key_is_new
    assert second.event_key != first.event_key


def test_a_cut_event_key_is_refused(tmp_path):
    (tmp_path / "event.key").write_bytes(b"short")
    with pytest.raises(IdentityError, match="5 bytes instead of 32"):
        Identity(tmp_path)
