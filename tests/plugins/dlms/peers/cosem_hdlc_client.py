"""Reads a meter over HDLC with dlms-cosem 21.3.2 (MIT) and prints what it got as JSON.

Arguments: port, authentication (none, low or gmac), encryption and authentication key in hex.
"""

import json
import sys

import serial
from dlms_cosem import cosem, enumerations, utils
from dlms_cosem.clients.dlms_client import DlmsClient
from dlms_cosem.clients.hdlc_transport import SerialHdlcTransport

REGISTER = enumerations.CosemInterface.REGISTER
ENERGY = cosem.CosemAttribute(REGISTER, cosem.Obis(1, 1, 1, 8, 0, 255), 2)
VOLTAGE = cosem.CosemAttribute(REGISTER, cosem.Obis(1, 1, 32, 7, 0, 255), 2)
LONG = cosem.CosemAttribute(enumerations.CosemInterface.DATA, cosem.Obis(0, 0, 96, 1, 0, 255), 2)
METHODS = {
    "none": None,
    "low": enumerations.AuthenticationMechanism.LLS,
    "gmac": enumerations.AuthenticationMechanism.HLS_GMAC,
}


def main():
    port, authentication, encryption, key = sys.argv[1:]
    ciphered = {}
    if authentication == "gmac":
        keys = {"encryption_key": bytes.fromhex(encryption), "authentication_key": bytes.fromhex(key)}
        ciphered = {**keys, "client_system_title": b"COSEMCLI", "client_initial_invocation_counter": 7}
    line = serial.serial_for_url(f"socket://127.0.0.1:{port}", timeout=5)
    client = DlmsClient(
        client_logical_address=32,
        server_logical_address=1,
        io_interface=SerialHdlcTransport(32, 1, "", server_physical_address=17, serial=line),
        authentication_method=METHODS[authentication],
        password=b"00000000" if authentication == "low" else None,
        **ciphered,
    )
    result = {}
    client.connect()
    client.associate()
    result["energy"] = utils.parse_as_dlms_data(client.get(ENERGY))
    result["long"] = bytes(utils.parse_as_dlms_data(client.get(LONG))).hex()
    many = client.get_many([cosem.CosemAttributeWithSelection(a, None) for a in (ENERGY, VOLTAGE)])
    result["list"] = [item.value for item in many.response_data]
    client.release_association()
    # No disconnect: it cannot parse an UA without information, which is what answers a DISC.
    line.close()
    json.dump(result, sys.stdout)


main()
