"""Who may associate with the server and what protects the messages: all that must work, and all that must fail."""

from __future__ import annotations

import itertools

import pytest
from meterhub_dlms.codec import acse, axdr, hls, ln, ln_action, short_names, sn, xdlms
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection, SecurityError, Wrapping, wrapping_of
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.xdlms import AccessResult, Initiate
from meterhub_dlms.events import CLIENT_LOCKED, CLIENT_REFUSED, CLIENT_UNPROTECTED
from meterhub_dlms.server.cosem import CosemAttribute, CosemObject
from meterhub_dlms.server.negotiation import OFFERED, OFFERED_SHORT
from meterhub_dlms.server.objects.device_wide import security_setup

NAME = bytes((1, 1, 1, 8, 0, 255))
VALUE = ln.Attribute(3, NAME, 2)
ENERGY = Data(axdr.UINT32, 1234567)
ASSOCIATION = bytes((0, 0, 40, 0, 0, 255))
TITLE = b"CLIENT01"
KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
DEDICATED = bytes(range(16, 32))
LEVELS = {"md5": 3, "sha1": 4, "gmac": 5, "sha256": 6, "landis-gyr": 2}
NOT_ASSOCIATED = bytes.fromhex("d80101")


class Client:
    """The client's end, with all that it may do wrong."""

    def __init__(self, session, level="none", *, short=False, protection=None, dedicated=False, counter=1):
        self.session = session
        self.mechanism = Mechanism(LEVELS.get(level, int(level == "password")))
        self.short = short
        self.wrapping = Wrapping.DEDICATED if dedicated else Wrapping.GLOBAL
        self.dedicated = DEDICATED if dedicated else b""
        self.counter = itertools.count(counter).__next__
        keys = KEYS._replace(dedicated=self.dedicated)
        self.cipher = protection and Ciphering(TITLE, keys, self.counter, protection, self.wrapping)
        self.known = Secrets(b"5EC4E70", KEYS, self.counter)
        self.password = b"5EC4E70"

    @property
    def context(self):
        return 1 + self.short + 2 * (self.cipher is not None)

    async def associate(self, **more):
        conformance = OFFERED_SHORT if self.short else OFFERED
        information = xdlms.encode_initiate_request(Initiate(conformance, 2000, dedicated_key=self.dedicated))
        if self.cipher is not None:
            information = self.cipher.protect(information, Wrapping.GLOBAL)
        high = self.mechanism in hls.HIGH
        self.challenge = hls.challenge(self.mechanism) if high else None
        told = self.challenge if high else self.password if self.mechanism else None
        titled = self.cipher is not None or self.mechanism is Mechanism.GMAC
        request = acse.AssociationRequest(self.context, self.mechanism, told, information, TITLE if titled else b"")
        self.aarq = acse.encode_request(request._replace(**more))
        self.response = acse.decode_response(await self.session.handle(self.aarq))
        if self.response.result == 0 and self.cipher is not None:
            self.cipher.partner = self.response.title
            plain = self.cipher.unprotect(self.response.user_information)
            assert xdlms.decode_initiate_response(plain).max_pdu_size == 65535
        return self.response

    async def ask(self, apdu):
        """The answer in clear, which must be protected as the request was."""
        if self.cipher is None:
            return await self.session.handle(apdu)
        answer = await self.session.handle(self.cipher.protect(apdu))
        if answer[0] == xdlms.EXCEPTION_RESPONSE:
            return answer
        assert wrapping_of(answer) is self.wrapping
        return self.cipher.unprotect(answer)

    async def prove(self, secrets=None):
        """Pass 3 and 4; true when the server proved itself as well."""
        title = TITLE if self.cipher is not None or self.mechanism is Mechanism.GMAC else b""
        parties = Parties(self.challenge, self.response.authentication, title, self.response.title)
        answer = Data(axdr.OCTET_STRING, hls.proof(self.mechanism, parties, secrets or self.known))
        if self.short:
            name = short_names.method_name(short_names.ASSOCIATION, 12, 8)
            (got,) = sn.decode_read_response(await self.ask(sn.encode_read([sn.Variable(name, 1, answer)])))
            outcome = ActionOutcome(ActionResult.SUCCESS, got) if isinstance(got, Data) else ActionOutcome(got)
        else:
            call = ln_action.encode_action(ln.Attribute(15, ASSOCIATION, 1), answer)
            outcome = ln_action.decode_response(await self.ask(call))
        if outcome.returned is None or not isinstance(outcome.returned, Data):
            return False
        hls.verify(self.mechanism, parties, self.known, outcome.returned.value)
        return True

    async def read(self):
        if not self.short:
            return ln.decode_get_response(await self.ask(ln.encode_get(VALUE)))
        objects = await self.ask(sn.encode_read([sn.Variable(short_names.ASSOCIATION + 8)]))
        rows = short_names.decode_list(sn.decode_read_response(objects)[0])
        name = short_names.ShortNames(rows).of(VALUE)
        return sn.decode_read_response(await self.ask(sn.encode_read([sn.Variable(name)])))[0]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("protection", [None, Protection.BOTH])
async def test_high_level_security_serves_nothing_until_both_sides_proved_themselves(bench, level, short, protection):
    session = bench.session(authentication=level)
    client = Client(session, level, short=short, protection=protection)
    assert (await client.associate()).diagnostic == acse.Diagnostic.AUTHENTICATION_REQUIRED
    request = sn.encode_read([sn.Variable(0xFA08)]) if short else ln.encode_get(VALUE)
    assert await client.ask(request) == NOT_ASSOCIATED
    assert not session.associated
    assert await client.prove()
    assert session.associated
    assert await client.read() == ENERGY


@pytest.mark.parametrize("level", LEVELS)
async def test_a_wrong_proof_ends_the_association(bench, level):
    session = bench.session(authentication=level)
    client = Client(session, level)
    await client.associate()
    wrong = Secrets(b"5EC4E71", Keys(bytes(16), KEYS.authentication), client.counter)
    if level == "landis-gyr":  # some operations leave a digit as it is whatever the password says
        wrong = wrong._replace(password=b"A13B18F")
    assert not await client.prove(wrong)
    assert session.association is None
    assert await session.handle(ln.encode_get(VALUE)) == NOT_ASSOCIATED
    assert [event.type for event in bench.hub.recorded] == [CLIENT_REFUSED]


@pytest.mark.parametrize("protection", [*list(Protection)[:2], Protection.BOTH])
@pytest.mark.parametrize("dedicated", [False, True])
@pytest.mark.parametrize("short", [False, True])
async def test_answers_are_protected_as_the_request_was(bench, protection, dedicated, short):
    client = Client(bench.session(authentication="password"), "password", short=short, protection=protection,
                    dedicated=dedicated)  # fmt: skip
    assert (await client.associate()).result == 0
    assert await client.read() == ENERGY


async def test_general_ciphering_is_answered_alike(bench):
    client = Client(bench.session(), protection=Protection.BOTH)
    client.cipher.wrapping = client.wrapping = Wrapping.GENERAL_GLOBAL
    await client.associate()
    assert await client.read() == ENERGY
    assert (await client.ask(b"\xc9\x01\x02\x03"))[0] == xdlms.EXCEPTION_RESPONSE


@pytest.mark.parametrize("security", ["authenticated", "encrypted", "authenticated and encrypted"])
@pytest.mark.parametrize("protection", [None, Protection.AUTHENTICATED, Protection.ENCRYPTED, Protection.BOTH])
async def test_less_protection_than_the_settings_ask_for_is_refused(bench, security, protection):
    wanted = {"authenticated": 0x10, "encrypted": 0x20}.get(security, 0x30)
    client = Client(bench.session(security=security), protection=protection)
    response = await client.associate()
    good = (protection or 0) & wanted == wanted
    assert (response.result == 0) is good
    if good:
        assert await client.read() == ENERGY
        plain = ln.encode_get(VALUE)
        assert await client.session.handle(plain) == bytes.fromhex("d80105")
        assert bench.counters.unprotected == 1
        assert [event.type for event in bench.hub.recorded] == [CLIENT_UNPROTECTED]


async def test_what_was_changed_repeated_or_held_back_is_refused(bench):
    client = Client(bench.session(), protection=Protection.BOTH)
    await client.associate()
    message = client.cipher.protect(ln.encode_get(VALUE))
    for at in range(2, len(message)):
        changed = bytearray(message)
        changed[at] ^= 1
        assert (await client.session.handle(bytes(changed)))[0] == xdlms.EXCEPTION_RESPONSE
    later = client.cipher.protect(ln.encode_get(VALUE))
    assert (await client.session.handle(later))[0] == 0xCC
    for old in (later, message):
        assert await client.session.handle(old) == bytes.fromhex("d8010600000004")
    assert await client.read() == ENERGY


async def test_an_aarq_is_never_taken_twice_not_even_after_a_crash(bench):
    client = Client(bench.session(), protection=Protection.BOTH)
    assert (await client.associate()).result == 0
    assert await client.read() == ENERGY
    overheard = client.aarq
    for _ in range(2):
        again = acse.decode_response(await bench.session().handle(overheard))
        assert (again.result, again.diagnostic) == (1, acse.Diagnostic.AUTHENTICATION_FAILURE)
        bench.restart()
    behind = Client(bench.session(), protection=Protection.BOTH, counter=2)
    assert (await behind.associate()).result == 1
    ahead = Client(bench.session(), protection=Protection.BOTH, counter=3)
    assert (await ahead.associate()).result == 0


async def test_our_own_counter_never_comes_twice(bench):
    seen = set()
    for start in (1, 100, 200):
        client = Client(bench.session(), protection=Protection.BOTH, counter=start)
        await client.associate()
        for _ in range(3):
            answer = await client.session.handle(client.cipher.protect(ln.encode_get(VALUE)))
            counter = int.from_bytes(answer[3:7], "big")
            assert counter not in seen
            seen.add(counter)
        bench.restart()


async def test_without_a_tag_nobody_can_push_the_kept_counter_away(bench):
    forger = Client(bench.session(security="encrypted"), protection=Protection.ENCRYPTED, counter=0xFFFF_0000)
    await forger.associate()
    with_tag = Client(bench.session(security="encrypted"), protection=Protection.BOTH, counter=5)
    assert (await with_tag.associate()).result == 0
    bench.restart()
    client = Client(bench.session(security="encrypted"), protection=Protection.ENCRYPTED, counter=5)
    assert (await client.associate()).result == 0


@pytest.mark.parametrize(
    ("more", "row", "diagnostic"),
    [
        ({"title": b"SHORT"}, {}, 3),
        ({"title": b""}, {}, 3),
        ({"title": b"MHBBENCH"}, {}, 3),
        ({}, {"system_title": "0102030405060708"}, 3),
        ({}, {"system_title": TITLE.hex()}, 0),
        ({"title": b"CLIENT02"}, {}, 13),
        ({"context": 1}, {"security": "authenticated"}, 2),
        ({}, {"referencing": "short-names"}, 2),
        ({"context": 9}, {}, 2),
        ({}, {"logical_devices": [2]}, 1),
        ({}, {"logical_devices": [1]}, 0),
        ({"mechanism": 3, "authentication": b"x" * 16}, {}, 11),
        ({}, {"authentication": "gmac"}, 14),
        ({"mechanism": 5, "authentication": b"short"}, {"authentication": "gmac"}, 13),
    ],
)
async def test_an_association_that_does_not_suit_is_refused_with_the_reason(bench, more, row, diagnostic):
    client = Client(bench.session(**row), protection=Protection.BOTH)
    response = await client.associate(**more)
    assert (response.diagnostic, response.result == 0) == (diagnostic, diagnostic == 0)


@pytest.mark.parametrize("level", ["password", "sha256"])
async def test_guessing_locks_a_client_out_and_time_lets_it_in_again(bench, level):
    async def attempt(right, peer="192.0.2.7"):
        client = Client(bench.session(authentication=level, peer=peer), level)
        client.password = b"5EC4E70" if right else b"guess"
        response = await client.associate()
        if level == "password" or response.result:
            return response.result
        return int(not await client.prove(None if right else Secrets(b"guess")))

    assert [await attempt(False) for _ in range(5)] == [1] * 5
    assert await attempt(True) == acse.Result.REJECTED_TRANSIENT
    assert await attempt(True, "192.0.2.8") == 0
    assert [event.type for event in bench.hub.recorded].count(CLIENT_LOCKED) == 1
    bench.clock[0] += 601
    assert await attempt(True) == 0
    assert "guess" not in str([event.parameters for event in bench.hub.recorded])


async def test_failures_far_apart_do_not_add_up(bench):
    for _ in range(8):
        client = Client(bench.session(authentication="password"), "password")
        client.password = b"guess"
        assert (await client.associate()).result == acse.Result.REJECTED_PERMANENT
        bench.clock[0] += 31


async def test_the_secret_cannot_be_read_or_changed_over_the_line(bench):
    client = Client(bench.session(authentication="md5"), "md5")
    await client.associate()
    await client.prove()
    secret = ln.Attribute(15, ASSOCIATION, 7)
    assert ln.decode_get_response(await client.ask(ln.encode_get(secret))) is AccessResult.READ_WRITE_DENIED
    new = Data(axdr.OCTET_STRING, b"new")
    assert ln.decode_set_response(await client.ask(ln.encode_set(secret, new))) is AccessResult.READ_WRITE_DENIED
    call = ln_action.encode_action(ln.Attribute(15, ASSOCIATION, 2), new)
    assert ln_action.decode_response(await client.ask(call)).result is ActionResult.READ_WRITE_DENIED


async def test_rights_are_those_that_the_object_list_shows(bench):
    reader = Client(bench.session(rights="read", may_see=["1-1:*.8.0.255"]))
    writer = Client(bench.session())
    shown = {}
    for who, client in (("reader", reader), ("writer", writer)):
        await client.associate()
        listed = ln.decode_get_response(await client.ask(ln.encode_get(ln.Attribute(15, ASSOCIATION, 2))))
        shown[who] = {row.value[2].value: row.value[3].value for row in listed.value}
    assert set(shown["reader"]) == {ASSOCIATION, NAME, bytes((0, 0, 41, 0, 0, 255))}
    assert len(shown["writer"]) == 5
    modes = {who: [item.value[1].value for item in rows[NAME][0].value] for who, rows in shown.items()}
    assert modes == {"reader": [1, 1], "writer": [1, 3]}
    hidden = ln.Attribute(1, bytes((0, 0, 96, 1, 0, 255)), 2)
    assert ln.decode_get_response(await reader.ask(ln.encode_get(hidden))) is AccessResult.OBJECT_UNDEFINED
    denied = await reader.ask(ln.encode_set(VALUE, Data(axdr.UINT32, 1)))
    assert ln.decode_set_response(denied) is AccessResult.READ_WRITE_DENIED
    call = ln_action.encode_action(ln.Attribute(3, NAME, 1), Data(axdr.INT8, 0))
    assert ln_action.decode_response(await reader.ask(call)).result is ActionResult.READ_WRITE_DENIED
    assert bench.done == []
    assert ln_action.decode_response(await writer.ask(call)).result is ActionResult.SUCCESS


async def test_strangers_fill_no_memory_with_titles(bench):
    for number in range(50):
        client = Client(bench.session(), protection=Protection.BOTH)
        client.cipher.keys = Keys(bytes(16), bytes(16))
        await client.associate(title=number.to_bytes(8, "big"))
        assert client.response.diagnostic == acse.Diagnostic.AUTHENTICATION_FAILURE
    assert bench.database.execute("SELECT count(*) FROM invocation_counters").fetchone()[0] == 1


SECURITY = bytes((0, 0, 43, 0, 0, 255))


@pytest.mark.parametrize(
    ("least", "protection", "policy"),
    [
        ("none", None, 0),
        ("none", Protection.BOTH, 0),
        ("authenticated", Protection.AUTHENTICATED, 1),
        ("encrypted", Protection.BOTH, 2),
        ("authenticated and encrypted", Protection.BOTH, 3),
    ],
)
async def test_the_security_setup_tells_each_client_its_own_policy_and_takes_no_keys(bench, least, protection, policy):
    bench.served.device.add(security_setup("none", b"", b""))
    client = Client(bench.session(security=least, system_title=TITLE.hex()), protection=protection)
    await client.associate()

    async def told(number):
        return ln.decode_get_response(await client.ask(ln.encode_get(ln.Attribute(64, SECURITY, number)))).value

    async def call(number, data):
        asked = ln_action.encode_action(ln.Attribute(64, SECURITY, number), data)
        return ln_action.decode_response(await client.ask(asked)).result

    assert [await told(number) for number in (2, 3, 4, 5)] == [policy, 0, TITLE, bench.TITLE]
    assert await call(1, Data(axdr.ENUM, policy)) is ActionResult.SUCCESS
    assert await call(1, Data(axdr.ENUM, policy + 1)) is ActionResult.READ_WRITE_DENIED
    assert await call(1, Data(axdr.UINT8, policy)) is ActionResult.TYPE_UNMATCHED
    assert await call(2, Data(axdr.ARRAY, [])) is ActionResult.READ_WRITE_DENIED
    rows = ln.decode_get_response(await client.ask(ln.encode_get(ln.Attribute(15, ASSOCIATION, 2))))
    assert SECURITY in [row.value[2].value for row in rows.value]


@pytest.mark.parametrize("right", [True, False])
async def test_the_proof_of_a_landis_gyr_client_may_be_written(bench, right):
    client = Client(bench.session(authentication="landis-gyr"), "landis-gyr", short=True)
    await client.associate()
    password = b"5EC4E70" if right else b"A13B18F"
    proof = hls.landis_gyr(client.response.authentication, password)
    name = sn.Variable(short_names.method_name(short_names.ASSOCIATION, 12, 8))
    request = sn.encode_write(sn.WriteRequest([name], [Data(axdr.OCTET_STRING, proof)]))
    (result,) = sn.decode_write_response(await client.ask(request))
    assert result is (AccessResult.SUCCESS if right else AccessResult.READ_WRITE_DENIED)
    assert client.session.associated is right
    if right:
        assert await client.read() == ENERGY


@pytest.mark.parametrize("protection", [None, Protection.BOTH])
async def test_an_object_that_fails_is_answered_counted_and_logged_and_the_next_request_is_served(
    bench, protection, caplog
):
    def fail():
        raise ZeroDivisionError("a fault in an object")

    broken = bytes((0, 0, 96, 9, 9, 255))
    bench.served.device.add(CosemObject(1, 0, broken, {2: CosemAttribute(read=fail)}))
    client = Client(bench.session(), protection=protection)
    await client.associate()
    request = ln.encode_get(ln.Attribute(1, broken, 2))
    assert (await client.ask(request)).hex() == "d80103"
    assert bench.counters.errors == 1
    assert "DLMS client 32 at 192.0.2.7" in caplog.text
    assert await client.read() == ENERGY


async def test_a_stranger_without_the_key_cannot_read_the_answers(bench):
    client = Client(bench.session(), protection=Protection.BOTH)
    await client.associate()
    answer = await client.session.handle(client.cipher.protect(ln.encode_get(VALUE)))
    stranger = Ciphering(TITLE, Keys(bytes(16), bytes(16)), client.counter, partner=b"MHBBENCH")
    with pytest.raises(SecurityError):
        stranger.unprotect(answer)
