"""Both ends of HDLC links over a line that loses, changes and delays what it carries."""

from __future__ import annotations

import heapq
import random
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import axdr, ln
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link import hdlc_parameters
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_primary import HdlcPrimary, State
from meterhub_dlms.link.hdlc_secondary import Closed, HdlcBus, Request, Station

CLIENT = HdlcAddress.client(16)
METER = HdlcAddress.server(1, 17)
FUZZED_FRAMES = 20_000


def station(**given):
    return Station(frozenset({1}), **given)


def echo(request):
    return request.apdu[::-1]


def serve(bus, data, answer=echo):
    """The bytes that a bus sends for the bytes it hears, with every request answered at once."""
    sent = b""
    for output in bus.feed(data):
        if isinstance(output, bytes):
            sent += output
        elif isinstance(output, Request):
            sent += output.link.respond(answer(output))
    return sent


class Wire:
    """A primary and a bus on one line without faults."""

    def __init__(self, primary, bus, answer=echo):
        self.primary, self.bus, self.answer = primary, bus, answer
        self.deframer = HdlcDeframer()
        self.frames = 0

    def exchange(self, data):
        """Send, and go on until the exchange is over."""
        while True:
            self.frames += 1
            steps = [self.primary.feed(frame) for frame in self.deframer.feed(serve(self.bus, data, self.answer))]
            if any(step.done for step in steps):
                return next(step for step in steps if step.done)
            (data,) = [step.transmit for step in steps if step.transmit]

    def connect(self):
        assert self.exchange(self.primary.connect()).done
        return self


@pytest.fixture
def wire():
    return Wire(HdlcPrimary(CLIENT, METER), HdlcBus({17: station()}, lambda: 0.0)).connect()


@given(
    st.integers(32, 300), st.integers(32, 300), st.binary(min_size=1, max_size=1500),
    st.sampled_from([METER, HdlcAddress(1), HdlcAddress(1, 17, 4)]),
)  # fmt: skip
def test_apdus_come_whole_in_both_directions_whatever_the_sizes(transmit, receive, apdu, meter):
    bus = HdlcBus({17: station(parameters=HdlcParameters(transmit, receive))}, lambda: 0.0)
    wire = Wire(HdlcPrimary(CLIENT, meter, HdlcParameters(2030, 2030)), bus).connect()
    assert wire.primary.agreed == HdlcParameters(receive, transmit)
    for content in (apdu, b"x", apdu[::-1]):
        assert wire.exchange(wire.primary.send(content)).apdu == content[::-1]
    assert wire.exchange(wire.primary.keep_alive()).done
    assert wire.exchange(wire.primary.disconnect()).done
    assert wire.primary.state is State.CLOSED
    assert bus.links == []
    assert (wire.primary.stale, wire.primary.foreign, bus.counters.rejected, bus.counters.repeated) == (0, 0, 0, 0)


def test_a_repeated_request_is_answered_again_and_carried_out_once(wire):
    heard = []

    def answer(request):
        heard.append(request.apdu)
        return b"done"

    wire.answer = answer
    request = wire.primary.send(b"open the valve")
    lost = serve(wire.bus, request, answer)
    assert wire.primary.repeat() == request
    assert serve(wire.bus, wire.primary.repeat(), answer) == lost
    assert wire.exchange(request).apdu == b"done"
    assert heard == [b"open the valve"]
    assert wire.bus.counters.repeated == 2


def test_a_station_that_is_still_at_work_does_not_hear_the_request_twice(wire):
    (request,) = wire.bus.feed(wire.primary.send(b"slow"))
    assert wire.bus.feed(wire.primary.repeat()) == []
    assert wire.primary.feed(HdlcDeframer().feed(request.link.respond(b"at last"))[0]).apdu == b"at last"


def test_late_answers_are_dropped_and_counted(wire):
    first = serve(wire.bus, wire.primary.send(b"one"))
    late = HdlcDeframer().feed(first)[0]
    assert wire.primary.feed(late).apdu == b"eno"
    assert not wire.primary.feed(late).done
    second = wire.primary.send(b"two")
    assert not wire.primary.feed(late).done
    assert wire.exchange(second).apdu == b"owt"
    assert wire.primary.stale == 2


@pytest.mark.parametrize(
    "change",
    [{"source": HdlcAddress.server(1, 18)}, {"source": HdlcAddress(1, 17, 4)}, {"destination": HdlcAddress(17)},
     {"source": HdlcAddress.server(2, 17)}],
)  # fmt: skip
def test_an_answer_of_or_to_somebody_else_is_never_taken(wire, change):
    answer = HdlcDeframer().feed(serve(wire.bus, wire.primary.send(b"mine")))[0]
    step = wire.primary.feed(answer._replace(**change))
    assert (step.done, step.apdu, wire.primary.foreign) == (False, None, 1)
    assert wire.primary.feed(answer).apdu == b"enim"


@pytest.mark.parametrize("change", [{"send": 1}, {"send": 7}, {"receive": 0}, {"receive": 2}, {"kind": Kind.UA}])
def test_an_answer_with_other_sequence_numbers_is_never_taken(wire, change):
    answer = HdlcDeframer().feed(serve(wire.bus, wire.primary.send(b"mine")))[0]
    assert not wire.primary.feed(answer._replace(**change)).done
    assert wire.primary.stale == 1
    assert wire.primary.feed(answer).apdu == b"enim"


@pytest.mark.parametrize("kind", [Kind.DM, Kind.FRMR])
def test_a_meter_that_lost_the_link_is_a_link_error(wire, kind):
    wire.primary.send(b"x")
    with pytest.raises(LinkError, match=kind.name):
        wire.primary.feed(HdlcFrame(CLIENT, METER, kind))
    assert wire.primary.state is State.CLOSED
    wire.connect()


def test_only_one_exchange_at_a_time_and_only_when_connected(wire):
    wire.primary.send(b"x")
    with pytest.raises(LinkError, match="one exchange"):
        wire.primary.send(b"y")
    wire.primary.abort()
    with pytest.raises(LinkError, match="connected"):
        wire.primary.keep_alive()


def test_a_busy_meter_is_asked_again_after_a_pause(wire):
    wire.primary.send(b"x")
    step = wire.primary.feed(HdlcFrame(CLIENT, METER, Kind.RNR, True, 0, 1))
    assert step.pause
    poll = HdlcDeframer().feed(step.transmit)[0]
    assert (poll.kind, poll.receive) == (Kind.RR, 0)
    assert wire.primary.feed(HdlcFrame(CLIENT, METER, Kind.RR, True, 0, 1)).pause
    answer = HdlcFrame(CLIENT, METER, Kind.I, True, 0, 1, b"\xe6\xe7\x00late")
    assert wire.primary.feed(answer).apdu == b"late"


def test_a_notification_comes_beside_the_answer(wire):
    wire.primary.send(b"x")
    step = wire.primary.feed(HdlcFrame(CLIENT, METER, Kind.UI, True, 0, 0, b"\xe6\xe7\x00\x0fpush"))
    assert (step.notification, step.done) == (b"\x0fpush", False)


def test_an_endless_answer_ends_the_link():
    bus = HdlcBus({17: station()}, lambda: 0.0)
    wire = Wire(HdlcPrimary(CLIENT, METER, max_apdu=1000), bus, lambda request: bytes(1001)).connect()
    with pytest.raises(LinkError, match="longer than 1000"):
        wire.exchange(wire.primary.send(b"x"))


@pytest.mark.parametrize("information", [b"", b"\xe6\xe6\x00wrong direction"])
def test_an_answer_without_the_servers_llc_bytes_ends_the_link(wire, information):
    wire.primary.send(b"x")
    with pytest.raises(LinkError):
        wire.primary.feed(HdlcFrame(CLIENT, METER, Kind.I, True, 0, 1, information))


def test_a_silent_link_is_closed_and_its_client_told(wire):
    now = [0.0]
    bus = HdlcBus({17: station(inactivity=120.0), 18: station(inactivity=500.0)}, lambda: now[0])
    both = [Wire(HdlcPrimary(CLIENT, HdlcAddress.server(1, device)), bus).connect() for device in (17, 18)]
    now[0] = 100.0
    assert both[0].exchange(both[0].primary.keep_alive()).done
    now[0] = 221.0
    assert [type(output) for output in bus.expire()] == [Closed]
    assert [link.address for link in bus.links] == [HdlcAddress.server(1, 18)]
    with pytest.raises(LinkError, match="DM"):
        both[0].exchange(both[0].primary.send(b"x"))
    assert both[1].exchange(both[1].primary.send(b"x")).apdu == b"x"


def test_a_new_connection_ends_the_association_before_it(wire):
    outputs = wire.bus.feed(wire.primary.connect())
    assert [type(output) for output in outputs] == [Closed, bytes]
    assert len(wire.bus.links) == 1


def test_an_answer_after_the_link_closed_is_refused(wire):
    (request,) = wire.bus.feed(wire.primary.send(b"slow"))
    wire.bus.feed(wire.primary.disconnect())
    with pytest.raises(LinkError, match="no request"):
        request.link.respond(b"late")


@pytest.mark.parametrize(
    "address", [HdlcAddress.server(1, 99), HdlcAddress.server(2, 17), HdlcAddress(1), HdlcAddress(1, 0x7F, 2)]
)
def test_frames_to_others_are_not_answered(address):
    bus = HdlcBus({17: station(), 18: station()}, lambda: 0.0)
    assert bus.feed(HdlcFrame(address, CLIENT, Kind.SNRM).encode()) == []
    assert bus.counters.foreign == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (HdlcFrame(METER, CLIENT, Kind.I, True, 0, 0, bytes(129)), 0x04),
        (HdlcFrame(METER, CLIENT, Kind.I, True, 0, 3, b"\xe6\xe6\x00x"), 0x08),
        (HdlcFrame(METER, CLIENT, Kind.I, True, 0, 0, b"no llc"), 0x01),
        (HdlcFrame(METER, CLIENT, Kind.RR, True, 0, 5), 0x08),
    ],
)
def test_a_client_that_breaks_the_rules_is_told_and_loses_its_link(wire, frame, reason):
    refusal, closed = wire.bus.feed(frame.encode())
    decoded = HdlcDeframer().feed(refusal)[0]
    assert (decoded.kind, decoded.information[2]) == (Kind.FRMR, reason)
    assert isinstance(closed, Closed)
    assert wire.bus.links == []


def test_mutated_frames_do_not_harm_a_bus():
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    bus = HdlcBus({17: station(), 18: station()}, lambda: 0.0)
    tracemalloc.start()
    try:
        fuzz(bus, dice, 2000)
        before = tracemalloc.get_traced_memory()[0]
        fuzz(bus, dice, FUZZED_FRAMES)
        assert tracemalloc.get_traced_memory()[0] - before < 500_000
    finally:
        tracemalloc.stop()
    assert bus.counters.frames > FUZZED_FRAMES // 2
    assert len(bus.links) <= 2 * 128
    bus.deframer.reset()
    wire = Wire(HdlcPrimary(CLIENT, METER), bus).connect()
    assert wire.exchange(wire.primary.send(b"still here")).apdu == b"ereh llits"


def test_mutated_answers_do_not_harm_a_primary():
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    bus = HdlcBus({17: station()}, lambda: 0.0)
    primary, deframer, answered = HdlcPrimary(CLIENT, METER), HdlcDeframer(), 0
    for _ in range(FUZZED_FRAMES):
        if primary.state is State.CLOSED:
            sent = primary.connect()
        elif primary.state is State.IDLE:
            sent = dice.choice([primary.keep_alive, lambda: primary.send(bytes(200))])()
        else:
            sent = primary.repeat()
        answer = deframer.feed(serve(bus, sent, lambda request: bytes(dice.randrange(400))))[:1]
        for frame in answer:
            field = dice.choice(["kind", "send", "receive", "information", "final", "segmented", "source", None, None])
            changed = {
                "kind": dice.choice(list(Kind)), "send": dice.randrange(8), "receive": dice.randrange(8),
                "information": dice.randbytes(dice.randrange(9)), "final": False, "segmented": True, "source": CLIENT,
            }  # fmt: skip
            try:
                step = primary.feed(frame if field is None else frame._replace(**{field: changed[field]}))
                answered += step.apdu is not None
            except LinkError:
                assert primary.state is State.CLOSED
    assert answered > FUZZED_FRAMES // 100
    assert len(primary._answer) <= 0x10002


def fuzz(bus, dice, count):
    for _ in range(count):
        kind = dice.choice([Kind.SNRM, Kind.I, Kind.I, Kind.I, Kind.RR, Kind.DISC, Kind.UI, Kind.FRMR])
        information = dice.choice([b"", b"\xe6\xe6\x00", hdlc_parameters.encode(HdlcParameters())])
        if kind in (Kind.I, Kind.SNRM):
            information += dice.randbytes(dice.randrange(6))
        source = HdlcAddress(dice.choice([16, 16, 16, dice.randrange(128)]))
        frame = HdlcFrame(
            dice.choice([METER, HdlcAddress(1, 18, 2)]), source, kind, dice.random() < 0.9,
            dice.randrange(3) if kind is Kind.I else 0, dice.randrange(3), information, dice.random() < 0.2,
        )  # fmt: skip
        octets = bytearray(frame.encode())
        if dice.random() < 0.4:
            octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)
        serve(bus, bytes(octets), lambda request: dice.randbytes(dice.randrange(300)))


# -- ten meters on a bad line -------------------------------------------------------------------


class BadLine:
    """A line with a clock of its own: 5 % of the frames are lost, 5 % changed and 5 % late, each way."""

    def __init__(self, bus, answer, dice):
        self.bus, self.answer, self.dice = bus, answer, dice
        self.now = 0.0
        self.faults = Counter()
        self._pending = []
        self._order = 0

    def send(self, data):
        for heard in self._transfer(data):
            reply = serve(self.bus, heard, self.answer)
            for frame in self._transfer(reply) if reply else ():
                self._order += 1
                late = self.dice.random() < 0.05
                self.faults["late"] += late
                delay = self.dice.uniform(1.0, 4.0) if late else 0.05
                heapq.heappush(self._pending, (self.now + delay, self._order, frame))

    def receive(self, timeout):
        """What arrives next within ``timeout``, or ``None`` when it is over."""
        if not self._pending or self._pending[0][0] > self.now + timeout:
            self.now += timeout
            return None
        when, _, data = heapq.heappop(self._pending)
        self.now = max(self.now, when)
        return data

    def _transfer(self, data):
        chance = self.dice.random()
        if chance < 0.05:
            self.faults["lost"] += 1
            return []
        if chance < 0.10:
            self.faults["changed"] += 1
            octets = bytearray(data)
            for _ in range(self.dice.randrange(1, 4)):
                octets[self.dice.randrange(len(octets))] ^= 1 << self.dice.randrange(8)
            return [bytes(octets)]
        return [data]


class Master:
    """Reads its meters in turn, as a bus task does: one deframer, a primary per meter, repeats, then a new link."""

    def __init__(self, line, devices):
        self.line = line
        self.deframer = HdlcDeframer()
        self.primaries = {device: HdlcPrimary(CLIENT, HdlcAddress.server(1, device)) for device in devices}
        self.rebuilt = 0
        self.answers_refused = 0

    def exchange(self, primary, data):
        tries = 0
        self.line.send(data)
        deadline = self.line.now + 0.5
        while True:
            heard = self.line.receive(max(deadline - self.line.now, 0.001))
            if heard is None and self.line.now >= deadline:
                tries += 1
                if tries > 5:
                    raise LinkError("silent")
                self.deframer.reset()
                self.line.send(primary.repeat())
                deadline = self.line.now + 0.5
                continue
            for frame in self.deframer.feed(heard or b""):
                step = primary.feed(frame)
                if step.transmit:
                    self.line.send(step.transmit)
                    deadline = self.line.now + 0.5
                if step.done:
                    return step

    def get(self, device, attribute, invoke):
        primary = self.primaries[device]
        for _ in range(10):
            try:
                if primary.state is State.CLOSED:
                    self.exchange(primary, primary.connect())
                apdu = self.exchange(primary, primary.send(ln.encode_get(attribute, invoke))).apdu
                if apdu[2] & ln.INVOKE_ID_MASK != invoke:
                    raise CodecError("another request's answer")
                return ln.decode_get_response(apdu)
            except (LinkError, CodecError) as error:
                self.answers_refused += isinstance(error, CodecError)
                self.rebuilt += 1
                primary.abort()
        raise AssertionError(f"meter {device} could not be read")


def register_of(request):
    """A register whose value says which meter and which register it is; its answer takes several frames."""
    got = ln.decode_get_request(request.apdu)
    value = request.link.address.lower * 1000 + got.attributes[0].logical_name[2]
    text = Data(axdr.OCTET_STRING, bytes(150) if value % 5 == 0 else b"")
    return ln.encode_get_response(got.invoke, axdr.encode(Data(axdr.STRUCTURE, [Data(axdr.UINT32, value), text])))


@pytest.mark.parametrize("attempt", range(3))
def test_ten_meters_on_a_bad_line_give_right_values_from_the_right_meters(attempt):
    seed = random.randrange(2**32)
    print("seed", seed)
    devices = range(17, 27)
    bus = HdlcBus({device: station() for device in devices}, lambda: line.now)
    line = BadLine(bus, register_of, random.Random(seed))
    master = Master(line, devices)
    invoke = 0
    for register in range(1, 21):
        for device in devices:
            invoke = (invoke + 1) & ln.INVOKE_ID_MASK
            value = master.get(device, ln.Attribute(3, bytes((1, 1, register, 8, 0, 255)), 2), invoke)
            assert value.value[0].value == device * 1000 + register
    primaries = master.primaries.values()
    assert min(line.faults[fault] for fault in ("lost", "changed", "late")) > 0
    assert sum(primary.repeated for primary in primaries) > 0
    dropped = sum(primary.stale for primary in primaries) + sum(primary.foreign for primary in primaries)
    assert dropped > 0
    assert master.deframer.damaged + master.deframer.noise + bus.deframer.damaged + bus.deframer.noise > 0
