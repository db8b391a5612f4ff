"""Reads a meter with dlms-cosem 21.3.2 (MIT) and prints what it got as JSON.

Arguments: port, client address, password or "-". With ``time HEX ...`` it decodes date-times instead.
"""

import datetime
import json
import sys

from dlms_cosem import cosem, enumerations, time, utils
from dlms_cosem.clients.dlms_client import DlmsClient


def attribute(interface, name, number):
    return cosem.CosemAttribute(interface, cosem.Obis(*name), number)


CLOCK = attribute(enumerations.CosemInterface.CLOCK, (0, 0, 1, 0, 0, 255), 2)
ENERGY = attribute(enumerations.CosemInterface.REGISTER, (1, 1, 1, 8, 0, 255), 2)
SCALER = attribute(enumerations.CosemInterface.REGISTER, (1, 1, 32, 7, 0, 255), 3)
VOLTAGE = attribute(enumerations.CosemInterface.REGISTER, (1, 1, 32, 7, 0, 255), 2)
OBJECTS = attribute(enumerations.CosemInterface.ASSOCIATION_LN, (0, 0, 40, 0, 0, 255), 2)


def utc(octets):
    when = time.datetime_from_bytes(octets)[0]
    return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()


def session(port, address, password):
    method = enumerations.AuthenticationMechanism.LLS if password else None
    client = DlmsClient.with_tcp_transport(
        "127.0.0.1", port, address, 1, authentication_method=method, password=password, timeout=5
    )
    result = {}
    with client.session():
        clock = utils.parse_as_dlms_data(client.get(CLOCK))
        result["clock"] = utc(bytes(clock))
        result["energy"] = utils.parse_as_dlms_data(client.get(ENERGY))
        result["scaler"] = utils.parse_as_dlms_data(client.get(SCALER))
        result["objects"] = len(utils.parse_as_dlms_data(client.get(OBJECTS)))
        many = client.get_many([cosem.CosemAttributeWithSelection(a, None) for a in (ENERGY, VOLTAGE)])
        result["list"] = [item.value for item in many.response_data]
        answer = client.set(ENERGY, bytes((6, 0, 0, 0, 42)))
        result["write"] = answer.result.name
    return result


def main():
    if sys.argv[1] == "time":
        result = [utc(bytes.fromhex(text)) for text in sys.argv[2:]]
    else:
        port, address, password = sys.argv[1:]
        result = session(int(port), int(address), None if password == "-" else password.encode())
    json.dump(result, sys.stdout, default=repr)


main()
