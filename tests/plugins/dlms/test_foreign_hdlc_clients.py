"""Other people's clients talk to our HDLC, ciphering and high-level security over a TCP connection."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import sys
from pathlib import Path

import pytest
from meterhub_dlms.codec import acse, axdr, hls, ln, ln_action, short_names, sn, xdlms
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Ciphering, Keys, wrapping_of
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.short_names import ListedObject
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind, decode_frame
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_secondary import Closed, HdlcBus, Request, Station

PEERS = Path(__file__).parent / "peers"
KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
TITLE = b"MHBMETER"
LONG = bytes(range(256)) * 2
ENERGY, VOLTAGE, TEXT = bytes((1, 1, 1, 8, 0, 255)), bytes((1, 1, 32, 7, 0, 255)), bytes((0, 0, 96, 1, 0, 255))
VALUES = {
    ENERGY: Data(axdr.UINT32, 1234567),
    VOLTAGE: Data(axdr.UINT16, 2301),
    TEXT: Data(axdr.OCTET_STRING, LONG),
}
OBJECTS = [
    ListedObject(0x2000, 3, 0, ENERGY),
    ListedObject(0x2100, 3, 0, VOLTAGE),
    ListedObject(0x2200, 1, 0, TEXT),
    ListedObject(0xFA00, 12, 0, bytes((0, 0, 40, 0, 0, 255))),
]
OFFERED = Conformance.GET | Conformance.ACTION | Conformance.MULTIPLE_REFERENCES | Conformance.READ


def needs(package):
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")


class Meter:
    """The application behind one link: just enough to be read."""

    def __init__(self):
        self.ciphering = None
        self.mechanism = Mechanism.NONE
        self.parties = None
        self.known = Secrets(b"00000000", KEYS, itertools.count(1).__next__)
        self.proven = False

    def answer(self, apdu):
        if apdu[0] == acse.AARQ:
            return self.associate(acse.decode_request(apdu))
        if apdu[0] == acse.RLRQ:
            return acse.encode_release_response()
        if self.ciphering is None:
            return self.serve(apdu)
        return self.ciphering.protect(self.serve(self.ciphering.unprotect(apdu)), wrapping_of(apdu))

    def associate(self, request):
        information = request.user_information
        self.mechanism = Mechanism(request.mechanism)
        if self.mechanism is Mechanism.PASSWORD:
            assert request.authentication == b"00000000"
        if request.context == acse.CONTEXT_LN_CIPHERED:
            self.ciphering = Ciphering(TITLE, KEYS, self.known.counter, partner=request.title)
            information = self.ciphering.unprotect(information)
        proposed = xdlms.decode_initiate_request(information)
        short = request.context == acse.CONTEXT_SN
        agreed = Initiate(proposed.conformance & OFFERED, 1000)
        response = xdlms.encode_initiate_response(agreed, xdlms.VAA_SN if short else xdlms.VAA_LN)
        if self.ciphering is not None:
            response = self.ciphering.protect(response)
        high = self.mechanism in hls.HIGH
        challenge = hls.challenge(self.mechanism) if high else None
        if high:
            self.parties = Parties(challenge, request.authentication, TITLE, request.title)
        diagnostic = acse.Diagnostic.AUTHENTICATION_REQUIRED if high else acse.Diagnostic.NULL
        title = TITLE if request.title else b""
        answer = acse.AssociationResponse(request.context, 0, diagnostic, response, title, self.mechanism, challenge)
        return acse.encode_response(answer)

    def serve(self, apdu):
        if apdu[0] == ln.ACTION_REQUEST:
            return self.prove(ln_action.decode_request(apdu))
        assert self.proven or self.mechanism not in hls.HIGH
        if apdu[0] == sn.READ_REQUEST:
            return sn.encode_read_response([self.short(item) for item in sn.decode_read_request(apdu)])
        request = ln.decode_get_request(apdu)
        results = [axdr.encode(VALUES[attribute.logical_name]) for attribute in request.attributes]
        if not request.with_list:
            return ln.encode_get_response(request.invoke, results[0])
        head = bytes((ln.GET_RESPONSE, ln.WITH_LIST, request.invoke)) + axdr.encode_length(len(results))
        return head + b"".join(map(ln.encode_result, results))

    def prove(self, request):
        hls.verify(self.mechanism, self.parties, self.known, request.data.value)
        self.proven = True
        proof = hls.proof(self.mechanism, self.parties, self.known)
        outcome = ActionOutcome(ActionResult.SUCCESS, Data(axdr.OCTET_STRING, proof))
        return ln_action.encode_response(request.invoke, outcome)

    def short(self, item):
        if item.name == short_names.attribute_name(short_names.ASSOCIATION, 2):
            return axdr.encode(short_names.encode_list(OBJECTS))
        for listed in OBJECTS[:3]:
            if item.name == short_names.attribute_name(listed.base_name, 2):
                return axdr.encode(VALUES[listed.logical_name])
        return AccessResult.OBJECT_UNDEFINED


@pytest.fixture
async def meters():
    """Serves a bus with one station; gives its port, the bus of each connection, and what it announces."""
    buses, failures, tasks = [], [], set()
    announced = [HdlcParameters(128, 62)]

    async def serve(reader, writer):
        station = Station(frozenset({1}), announced[0])
        bus, open_links = HdlcBus({17: station}, asyncio.get_running_loop().time), {}
        buses.append(bus)
        try:
            while data := await reader.read(4096):
                for output in bus.feed(data):
                    if isinstance(output, Request):
                        meter = open_links.setdefault(output.link, Meter())
                        writer.write(output.link.respond(meter.answer(output.apdu)))
                    elif isinstance(output, Closed):
                        open_links.pop(output.link, None)
                    else:
                        writer.write(output)
        except Exception as error:
            failures.append(error)
        finally:
            writer.transport.abort()

    def accept(reader, writer):
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], buses, announced
    server.close()
    await asyncio.gather(*tasks)
    await server.wait_closed()
    assert failures == []


async def ask(script, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PEERS / script),
        *map(str, arguments),
        KEYS.encryption.hex(),
        KEYS.authentication.hex(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 20)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


def clean(buses):
    (bus,) = buses
    return (bus.deframer.damaged, bus.deframer.noise, bus.counters.rejected, bus.counters.foreign) == (0, 0, 0, 0)


@needs("gurux_dlms")
@pytest.mark.parametrize(
    ("names", "authentication"),
    [("ln", level) for level in ("none", "low", "md5", "sha1", "sha256", "gmac")] + [("sn", "none"), ("sn", "low")],
)
async def test_gurux_reads_a_meter_over_hdlc(meters, names, authentication):
    port, buses, _ = meters
    got = await ask("gurux_hdlc_client.py", port, names, authentication)
    assert got["energy"] == 1234567
    assert got["list"] == [1234567, 2301]
    assert got["long"] == LONG.hex()
    assert got["sizes"] == [62, 128]
    if names == "sn":
        listed = [[o.base_name, o.class_id, ".".join(map(str, o.logical_name))] for o in OBJECTS]
        assert got["objects"] == listed
    assert clean(buses)


@needs("dlms_cosem")
@pytest.mark.parametrize("authentication", ["none", "low", "gmac"])
async def test_dlms_cosem_reads_a_meter_over_hdlc(meters, authentication):
    """It sends 128 bytes whatever was agreed on."""
    port, buses, announced = meters
    announced[0] = HdlcParameters()
    got = await ask("cosem_hdlc_client.py", port, authentication)
    assert got == {"energy": 1234567, "long": LONG.hex(), "list": [1234567, 2301]}
    assert clean(buses)


@needs("gurux_dlms")
@pytest.mark.parametrize("names", ["ln", "sn"])
async def test_our_first_frames_are_those_of_gurux(names):
    """It leaves the sizes out of the SNRM where they are the standard's own, and so says the same with fewer bytes."""
    got = await ask("gurux_hdlc_client.py", 0, names, "low")
    client, server = HdlcAddress.client(32), HdlcAddress.server(1, 17)
    ours = HdlcFrame(server, client, Kind.SNRM)
    assert got["snrm"] == ours.encode().hex()
    aarq = [decode_frame(bytes.fromhex(frame)[1:-1]) for frame in got["aarq"]]
    request = acse.decode_request(b"".join(frame.information for frame in aarq)[3:])
    context = acse.CONTEXT_LN if names == "ln" else acse.CONTEXT_SN
    assert (request.context, request.mechanism, request.authentication) == (context, 1, b"00000000")
    sent = [
        HdlcFrame(server, client, Kind.I, True, 0, 0, b"\xe6\xe6\x00" + acse.encode_request(request)).encode().hex()
    ]
    assert got["aarq"] == sent
