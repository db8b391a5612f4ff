"""Ciphering, high-level security and invocation counters: the standard's examples, and all that must fail."""

from __future__ import annotations

import itertools
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import acse, ciphering, hls, xdlms
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection, SecurityError, Wrapping
from meterhub_dlms.codec.counters import LIMIT, RESTORE_SKIP, InvocationCounter
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.xdlms import Conformance, Initiate

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)), bytes.fromhex("00112233445566778899aabbccddeeff"))
METER, CLIENT = bytes.fromhex("4d4d4d0000bc614e"), bytes.fromhex("4d4d4d0000000001")
GET = bytes.fromhex("c0010000080000010000ff0200")
SERVICES = [0x01, 0x05, 0x06, 0x08, 0x0C, 0x0D, 0x0E, 0x16, 0x18, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC7]
FUZZED_FRAMES = 20_000


def counting(start=0):
    return itertools.count(start).__next__


def pair(protection=Protection.BOTH, wrapping=Wrapping.GLOBAL, start=0):
    return (
        Ciphering(CLIENT, KEYS, counting(start), protection, wrapping, METER),
        Ciphering(METER, KEYS, counting(start), protection, wrapping, CLIENT),
    )


@pytest.mark.parametrize(
    ("protection", "expected"),
    [
        (Protection.AUTHENTICATED, "c81e1001234567c0010000080000010000ff020006725d910f9221d263877516"),
        (Protection.ENCRYPTED, "c8122001234567411312ff935a47566827c467bc"),
        (Protection.BOTH, "c81e3001234567411312ff935a47566827c467bc7d825c3be4a77c3fcc056b6b"),
    ],
)
def test_a_get_request_as_in_the_green_book(protection, expected):
    sender = Ciphering(METER, KEYS, counting(0x01234567), protection)
    assert sender.protect(GET).hex() == expected
    assert Ciphering(CLIENT, KEYS, counting(), protection, partner=METER).unprotect(bytes.fromhex(expected)) == GET


def test_an_initiate_request_with_a_dedicated_key_as_in_the_green_book():
    initiate = Initiate(Conformance(0x007E1F), 1200, dedicated_key=KEYS.dedicated)
    plain = xdlms.encode_initiate_request(initiate)
    assert plain.hex() == "01011000112233445566778899aabbccddeeff0000065f1f0400007e1f04b0"
    assert xdlms.decode_initiate_request(plain) == initiate
    sender = Ciphering(METER, KEYS, counting(0x01234567), wrapping=Wrapping.DEDICATED)
    assert sender.protect(plain, Wrapping.GLOBAL).hex() == (
        "21303001234567801302ff8a7874133d414ced25b42534d28db0047720606b175bd52211be6841db204d39ee6fdb8e356855"
    )


def test_gmac_as_in_the_green_book():
    client = Parties(b"K56iVagY", b"P6wRJ21F", CLIENT, METER)
    proof = hls.proof(Mechanism.GMAC, client, Secrets(keys=KEYS, counter=counting(1)))
    assert proof.hex() == "10000000011a52fe7dd3e72748973c1e28"
    answer = hls.proof(Mechanism.GMAC, client.reversed, Secrets(keys=KEYS, counter=counting(0x01234567)))
    assert answer.hex() == "1001234567fe1466afb3dbcd4f9389e2b7"
    assert hls.verify(Mechanism.GMAC, client, Secrets(keys=KEYS), answer) == 0x01234567


@pytest.mark.parametrize(
    ("password", "seed", "answer"),
    [
        (b"0000000", b"12345670", b"12345670"),
        (b"5102074", b"18811E81", b"59831FC1"),
        (b"1234567", b"8B729272", b"9946C402"),
        (b"1234567", b"A348AA43", b"B37CFEB3"),
        (b"1234567", b"52F959F4", b"602DAF64"),
        (b"1234567", b"B48FBB85", b"C6B301F5"),
    ],
)
def test_landis_gyr_meters_are_answered_as_in_public_vectors(password, seed, answer):
    assert hls.proof(Mechanism.MANUFACTURER, Parties(b"", seed), Secrets(password)) == answer


@pytest.mark.parametrize("seed", [b"1234567", b"12345678", b"1234567Z", b"12345679", b"123456789"])
def test_other_challenges_of_landis_gyr_meters_are_refused(seed):
    with pytest.raises(SecurityError):
        hls.landis_gyr(seed, b"0000000")


@pytest.mark.parametrize("mechanism", sorted(hls.HIGH))
def test_both_sides_prove_that_they_know_the_secret(mechanism):
    known = Secrets(b"1234567", KEYS, counting())
    challenges = iter((b"1234ABC5", b"FEDC0015"))
    if mechanism is not Mechanism.MANUFACTURER:
        challenges = iter((hls.challenge(mechanism), hls.challenge(mechanism, 64)))
    client = Parties(next(challenges), next(challenges), CLIENT, METER)
    proof = hls.proof(mechanism, client, known)
    hls.verify(mechanism, client.reversed, known, proof)
    changed = bytes((proof[0],)) + bytes((proof[1] ^ 1,)) + proof[2:]
    others = Secrets(b"7654321", Keys(bytes(16), bytes(16)))
    for parties, secret, answer in (
        (client.reversed, known, changed),
        (client.reversed, known, b""),
        (client.reversed, others, proof),
        (client.reversed._replace(own_challenge=b"FEDC0014"), known, proof),
    ):
        with pytest.raises(SecurityError):
            hls.verify(mechanism, parties, secret, answer)


@pytest.mark.parametrize("mechanism", sorted(hls.HIGH - {Mechanism.MANUFACTURER}))
@pytest.mark.parametrize("challenge", [b"", b"1234567", bytes(65), b"ourselves"])
def test_a_challenge_that_is_short_long_or_our_own_is_not_answered(mechanism, challenge):
    with pytest.raises(SecurityError):
        hls.proof(mechanism, Parties(b"ourselves", challenge, CLIENT, METER), Secrets(b"x", KEYS, counting()))


@pytest.mark.parametrize("mechanism", sorted(hls.HIGH))
def test_challenges_are_never_the_same(mechanism):
    assert len({hls.challenge(mechanism) for _ in range(100)}) > 95


def test_secrets_are_not_shown():
    shown = f"{KEYS} {KEYS!r} {Secrets(b'hunter2', KEYS)}"
    assert "hunter2" not in shown
    assert shown == "Keys(...) Keys(...) Secrets(...)"


@given(
    st.sampled_from(SERVICES), st.binary(max_size=300), st.sampled_from(Wrapping),
    st.sampled_from([Protection.AUTHENTICATED, Protection.ENCRYPTED, Protection.BOTH]),
)  # fmt: skip
def test_what_one_side_protects_the_other_understands(service, content, wrapping, protection):
    client, meter = pair(protection, wrapping)
    plain = bytes((service,)) + content
    protected = client.protect(plain)
    assert ciphering.wrapping_of(protected) is wrapping
    assert not ciphering.is_ciphered(plain)
    assert meter.unprotect(protected) == plain
    assert client.unprotect(meter.protect(plain)) == plain


@given(
    st.binary(max_size=40),
    st.sampled_from(Wrapping),
    st.sampled_from([Protection.AUTHENTICATED, Protection.BOTH]),
    st.data(),
)
def test_a_changed_apdu_is_never_understood(content, wrapping, protection, draw):
    client, meter = pair(protection, wrapping)
    protected = bytearray(client.protect(b"\xc0" + content))
    place = draw.draw(st.integers(0, len(protected) - 1))
    protected[place] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(CodecError):
        meter.unprotect(bytes(protected))
    assert meter.received == {False: -1, True: -1}


@pytest.mark.parametrize(
    "apdu",
    [b"", GET, b"\xc4\x01\xc1\x00\x06\x00\x00\x00\x01", b"\xd8\x01\x01", b"\x0e\x01\x06\x01", b"\x0f" + bytes(9)],
)
def test_plain_apdus_are_refused_on_a_ciphered_association(apdu):
    with pytest.raises(SecurityError, match="in clear"):
        pair()[0].unprotect(apdu)


def test_weaker_protection_than_agreed_is_refused_and_stronger_is_not():
    for agreed, used, allowed in (
        (Protection.BOTH, Protection.AUTHENTICATED, False),
        (Protection.BOTH, Protection.ENCRYPTED, False),
        (Protection.AUTHENTICATED, Protection.ENCRYPTED, False),
        (Protection.AUTHENTICATED, Protection.BOTH, True),
        (Protection.ENCRYPTED, Protection.BOTH, True),
    ):
        protected = Ciphering(METER, KEYS, counting(), used).protect(GET)
        receiver = Ciphering(CLIENT, KEYS, counting(), agreed, partner=METER)
        if allowed:
            assert receiver.unprotect(protected) == GET
        else:
            with pytest.raises(SecurityError, match="less than"):
                receiver.unprotect(protected)


@pytest.mark.parametrize("wrapping", Wrapping)
def test_an_apdu_that_comes_again_is_refused(wrapping):
    client, meter = pair(wrapping=wrapping)
    first, second = client.protect(GET), client.protect(GET)
    assert first != second
    assert meter.unprotect(second) == GET
    for again in (first, second):
        with pytest.raises(SecurityError, match="used before"):
            meter.unprotect(again)
    assert meter.received[wrapping.dedicated] == 1


def test_an_apdu_of_another_sender_suite_or_key_set_is_refused():
    client, _ = pair()
    stranger = Ciphering(b"STRANGER", KEYS, counting(), wrapping=Wrapping.GENERAL_GLOBAL)
    with pytest.raises(SecurityError, match="comes from"):
        client.unprotect(stranger.protect(GET))
    with pytest.raises(SecurityError, match="tag is wrong"):
        client.unprotect(Ciphering(b"STRANGER", KEYS, counting()).protect(GET))
    protected = Ciphering(METER, KEYS, counting()).protect(GET)
    for bit in (0x01, 0x02, 0x40, 0x80):
        with pytest.raises(SecurityError, match="suite 0"):
            client.unprotect(protected[:2] + bytes((protected[2] | bit,)) + protected[3:])
    unknown = Ciphering(CLIENT, KEYS, counting())
    with pytest.raises(SecurityError, match="not known"):
        unknown.unprotect(protected)
    without = Ciphering(CLIENT, KEYS._replace(dedicated=b""), counting(), partner=METER)
    with pytest.raises(SecurityError, match="never agreed"):
        without.unprotect(Ciphering(METER, KEYS, counting(), wrapping=Wrapping.DEDICATED).protect(GET))


def test_a_service_within_the_tag_of_another_is_refused():
    protected = bytearray(Ciphering(METER, KEYS, counting()).protect(GET))
    protected[0] = 0xC9  # the tag of a ciphered SET
    with pytest.raises(SecurityError, match="another service"):
        Ciphering(CLIENT, KEYS, counting(), partner=METER).unprotect(bytes(protected))


@pytest.mark.parametrize(
    ("title", "keys", "wrapping"),
    [(b"short", KEYS, Wrapping.GLOBAL), (METER, KEYS._replace(encryption=b"x"), Wrapping.GLOBAL),
     (METER, KEYS._replace(authentication=bytes(32)), Wrapping.GLOBAL),
     (METER, KEYS._replace(dedicated=b"x"), Wrapping.GLOBAL),
     (METER, KEYS._replace(dedicated=b""), Wrapping.DEDICATED)],
)  # fmt: skip
def test_keys_and_titles_of_the_wrong_size_are_refused(title, keys, wrapping):
    with pytest.raises(CodecError):
        Ciphering(title, keys, counting(), wrapping=wrapping)


def test_mutated_apdus_are_refused_without_harm():
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    tracemalloc.start()
    try:
        fuzz(dice, 1000)
        before = tracemalloc.get_traced_memory()[0]
        understood = fuzz(dice, FUZZED_FRAMES)
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()
    assert FUZZED_FRAMES * 0.2 < understood < FUZZED_FRAMES * 0.8


def fuzz(dice, count):
    """Half of the APDUs are changed before they are protected, the others after: both sides of the tag are reached."""
    understood = 0
    senders = [pair(Protection.BOTH, wrapping) for wrapping in Wrapping]
    for _ in range(count):
        client, meter = dice.choice(senders)
        plain = bytes((dice.choice(SERVICES),)) + dice.randbytes(dice.randrange(60))
        protected = bytearray(client.protect(plain))
        changed = dice.random() < 0.5
        for _ in range(dice.randrange(1, 4) if changed else 0):
            protected[dice.randrange(len(protected))] ^= 1 << dice.randrange(8)
        if changed and dice.random() < 0.3:
            del protected[dice.randrange(len(protected)) :]
        try:
            assert meter.unprotect(bytes(protected)) == plain
            understood += 1
        except CodecError:
            assert changed
    return understood


@given(st.binary(max_size=60).flatmap(lambda b: st.sampled_from([b, b"\xdb" + b, b"\xcc" + b, b"\x21" + b])))
def test_garbage_is_the_codecs_own_error(garbage):
    with pytest.raises(CodecError):
        pair()[0].unprotect(garbage)


@given(
    st.sampled_from([3, 4, 5, 6]), st.binary(min_size=8, max_size=64), st.one_of(st.just(b""), st.just(METER)),
    st.binary(max_size=200),
)  # fmt: skip
def test_associations_with_high_level_security_come_back(mechanism, challenge, title, information):
    request = acse.AssociationRequest(acse.CONTEXT_LN_CIPHERED, mechanism, challenge, information, title)
    assert acse.decode_request(acse.encode_request(request)) == request
    response = acse.AssociationResponse(3, 0, 14, information, title, mechanism, challenge)
    assert acse.decode_response(acse.encode_response(response)) == response


class Disk:
    def __init__(self):
        self.kept = {}
        self.writes = 0

    def load(self, name):
        return self.kept.get(name)

    def save(self, name, number):
        self.kept[name] = number
        self.writes += 1


def test_no_number_comes_twice_however_often_the_machine_stops():
    disk, given_out = Disk(), []
    for _ in range(5):
        counter = InvocationCounter(disk, "meter")
        given_out += [counter() for _ in range(1500)]
    assert given_out == sorted(set(given_out))
    assert disk.writes == 10
    assert InvocationCounter(disk, "another")() == 0


def test_a_number_is_on_disk_before_it_is_given_out():
    class Broken(Disk):
        def save(self, name, number):
            raise OSError("disk full")

    counter = InvocationCounter(Broken(), "meter")
    with pytest.raises(OSError, match="full"):
        counter()
    with pytest.raises(OSError, match="full"):
        counter()


def test_numbers_used_after_a_backup_are_skipped_when_it_is_restored():
    disk = Disk()
    InvocationCounter(disk, "meter")()
    backup = dict(disk.kept)
    lost = [InvocationCounter(disk, "meter")() for _ in range(10)]
    disk.kept = backup
    counter = InvocationCounter(disk, "meter")
    counter.skip_after_restore()
    assert counter() > max(lost)
    assert InvocationCounter(disk, "meter")() > RESTORE_SKIP


def test_a_counter_goes_on_where_the_meter_wants_it_and_never_back():
    counter = InvocationCounter(Disk(), "meter")
    counter.skip_to(5000)
    assert [counter(), counter()] == [5000, 5001]
    counter.skip_to(10)
    assert counter() == 5002


def test_used_up_keys_are_told_and_nothing_wraps_round():
    disk = Disk()
    counter = InvocationCounter(disk, "meter")
    counter.skip_to(LIMIT)
    assert counter() == LIMIT
    for _ in range(2):
        with pytest.raises(CodecError, match="must be changed"):
            counter()
    with pytest.raises(CodecError, match="must be changed"):
        InvocationCounter(disk, "meter")()
