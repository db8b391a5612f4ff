"""Reads our server with dlms-cosem 21.3.2 (MIT) and prints what it got as JSON.

Arguments: frames (wrapper or hdlc), port, authentication (none, low or gmac), encryption and authentication key in hex.
"""

import datetime
import json
import sys

import serial
from dlms_cosem import cosem, enumerations, utils
from dlms_cosem.clients.dlms_client import DlmsClient
from dlms_cosem.clients.hdlc_transport import SerialHdlcTransport
from dlms_cosem.cosem import selective_access

REGISTER = enumerations.CosemInterface.REGISTER
ENERGY = cosem.CosemAttribute(REGISTER, cosem.Obis(1, 1, 1, 8, 0, 255), 2)
VOLTAGE = cosem.CosemAttribute(REGISTER, cosem.Obis(1, 1, 32, 7, 0, 255), 2)
PROFILE = cosem.CosemAttribute(enumerations.CosemInterface.PROFILE_GENERIC, cosem.Obis(1, 0, 99, 1, 0, 255), 2)
CLOCK = cosem.CosemAttribute(enumerations.CosemInterface.CLOCK, cosem.Obis(0, 0, 1, 0, 0, 255), 2)
METHODS = {
    "none": None,
    "low": enumerations.AuthenticationMechanism.LLS,
    "gmac": enumerations.AuthenticationMechanism.HLS_GMAC,
}


def connect(frames, port, authentication, encryption, key):
    given = {"authentication_method": METHODS[authentication]}
    given["password"] = b"00000000" if authentication == "low" else None
    if authentication == "gmac":
        given |= {"encryption_key": bytes.fromhex(encryption), "authentication_key": bytes.fromhex(key)}
        given |= {"client_system_title": b"COSEMCLI", "client_initial_invocation_counter": 7}
    if frames == "wrapper":
        return DlmsClient.with_tcp_transport("127.0.0.1", int(port), 32, 1, timeout=5, **given)
    line = serial.serial_for_url(f"socket://127.0.0.1:{port}", timeout=5)
    transport = SerialHdlcTransport(32, 1, "", server_physical_address=17, serial=line)
    return DlmsClient(client_logical_address=32, server_logical_address=1, io_interface=transport, **given)


def main():
    client = connect(*sys.argv[1:])
    result = {}
    client.connect()
    client.associate()
    result["energy"] = utils.parse_as_dlms_data(client.get(ENERGY))
    many = client.get_many([cosem.CosemAttributeWithSelection(a, None) for a in (ENERGY, VOLTAGE)])
    result["list"] = [item.value for item in many.response_data]
    rows = utils.parse_as_dlms_data(client.get(PROFILE))
    result["all"] = [row[1] for row in rows]
    chosen = selective_access.RangeDescriptor(
        restricting_object=selective_access.CaptureObject(cosem_attribute=CLOCK),
        from_value=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        to_value=datetime.datetime(2035, 1, 1, tzinfo=datetime.UTC),
    )
    result["range"] = [row[1] for row in utils.parse_as_dlms_data(client.get(PROFILE, chosen))]
    result["write"] = client.set(ENERGY, bytes((6, 0, 0, 0, 42))).result.name
    client.release_association()
    json.dump(result, sys.stdout, default=repr)


main()
