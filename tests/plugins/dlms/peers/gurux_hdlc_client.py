"""Reads a meter over HDLC with gurux-dlms (GPL-2.0-only, so in a process of its own) and prints what it got as JSON.

Arguments: port, names (ln or sn), authentication (none, low, md5, sha1, sha256 or gmac), encryption and authentication
key in hex. With port 0 it prints its first frames instead.
"""

import contextlib
import json
import socket
import sys

from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType, Security
from gurux_dlms.objects import GXDLMSData, GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureClient

LEVELS = {
    "none": Authentication.NONE,
    "low": Authentication.LOW,
    "md5": Authentication.HIGH_MD5,
    "sha1": Authentication.HIGH_SHA1,
    "sha256": Authentication.HIGH_SHA256,
    "gmac": Authentication.HIGH_GMAC,
}


class Reader:
    def __init__(self, port, logical_names, authentication, encryption, key):
        server = GXDLMSClient.getServerAddress(1, 17)
        password = None if authentication in ("none", "gmac") else "00000000"
        high = LEVELS[authentication] > Authentication.LOW
        kind = GXDLMSSecureClient if high else GXDLMSClient
        self.client = kind(logical_names, 32, server, LEVELS[authentication], password, InterfaceType.HDLC)
        if high:
            ciphering = self.client.ciphering
            ciphering.systemTitle = b"GURUXCLI"
            ciphering.blockCipherKey = bytes.fromhex(encryption)
            ciphering.authenticationKey = bytes.fromhex(key)
            ciphering.invocationCounter = 7
            if authentication == "gmac":
                ciphering.security = Security.AUTHENTICATION_ENCRYPTION
        self.authentication = authentication
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5) if port else None

    def _one(self, request, reply):
        self.socket.sendall(bytes(request))
        buffer = GXByteBuffer()
        while True:
            got = self.socket.recv(65536)
            if not got:
                raise EOFError("closed")
            buffer.set(got)
            if self.client.getData(buffer, reply, None):
                return

    def exchange(self, frames):
        reply = GXReplyData()
        for frame in frames if isinstance(frames, list) else [frames]:
            reply.clear()
            self._one(frame, reply)
            while reply.isMoreData():
                self._one(self.client.receiverReady(reply), reply)
        if reply.error:
            raise RuntimeError(int(reply.error))
        return reply

    def open(self):
        self.client.parseUAResponse(self.exchange(self.client.snrmRequest()).data)
        self.client.parseAareResponse(self.exchange(self.client.aarqRequest()).data)
        if LEVELS[self.authentication] > Authentication.LOW:
            reply = self.exchange(self.client.getApplicationAssociationRequest())
            self.client.parseApplicationAssociationResponse(reply.data)

    def read(self, target, attribute):
        reply = self.exchange(self.client.read(target, attribute))
        return self.client.updateValue(target, attribute, reply.value)


def session(reader, logical_names):
    reader.open()
    result = {"sizes": [reader.client.hdlcSettings.maxInfoTX, reader.client.hdlcSettings.maxInfoRX]}
    energy, voltage = GXDLMSRegister("1.1.1.8.0.255"), GXDLMSRegister("1.1.32.7.0.255")
    text = GXDLMSData("0.0.96.1.0.255")
    if not logical_names:
        energy.shortName, voltage.shortName, text.shortName = 0x2000, 0x2100, 0x2200
    result["energy"] = reader.read(energy, 2)
    result["long"] = bytes(reader.read(text, 2)).hex()
    if not logical_names:
        reply = reader.exchange(reader.client.getObjectsRequest())
        listed = reader.client.parseObjects(reply.data, True)
        result["objects"] = [[item.shortName, int(item.objectType), item.logicalName] for item in listed]
    wanted = [(energy, 2), (voltage, 2)]
    energy.value = None
    for frames in reader.client.readList(wanted):
        reply = reader.exchange(frames)
        reader.client.updateValues(wanted, reply.value)
    result["list"] = [energy.value, voltage.value]
    reader.exchange(reader.client.disconnectRequest())
    reader.socket.close()
    return result


def frames(reader):
    snrm = bytes(reader.client.snrmRequest()).hex()
    return {"snrm": snrm, "aarq": [bytes(frame).hex() for frame in reader.client.aarqRequest()]}


def main():
    port, names, authentication, encryption, key = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        reader = Reader(int(port), names == "ln", authentication, encryption, key)
        result = session(reader, names == "ln") if int(port) else frames(reader)
    json.dump(result, sys.stdout, default=str)


main()
