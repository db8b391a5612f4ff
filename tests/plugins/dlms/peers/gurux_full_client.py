"""Reads our server with gurux-dlms (GPL-2.0-only, so in a process of its own) and prints what it got as JSON.

The argument is JSON: device (``tcp:PORT`` or a path), frames (wrapper or hdlc), names (ln or sn), client, level,
password, encryption and authentication key in hex, general (whole conformance with general block transfer).
"""

import contextlib
import datetime
import json
import sys

import serial
from gurux_dlms import GXByteBuffer, GXDateTime, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, DataType, InterfaceType, Security
from gurux_dlms.secure import GXDLMSSecureClient

LEVELS = {
    "none": Authentication.NONE,
    "password": Authentication.LOW,
    "md5": Authentication.HIGH_MD5,
    "sha1": Authentication.HIGH_SHA1,
    "sha256": Authentication.HIGH_SHA256,
    "gmac": Authentication.HIGH_GMAC,
}
SECURITY = {
    "authenticated": Security.AUTHENTICATION,
    "encrypted": Security.ENCRYPTION,
    "authenticated and encrypted": Security.AUTHENTICATION_ENCRYPTION,
}


class Reader:
    def __init__(self, given):
        self.short = given["names"] == "sn"
        self.hdlc = given["frames"] == "hdlc"
        level = LEVELS[given["level"]]
        server = GXDLMSClient.getServerAddress(1, given.get("physical", 17)) if self.hdlc else 1
        interface = InterfaceType.HDLC if self.hdlc else InterfaceType.WRAPPER
        self.client = GXDLMSSecureClient(not self.short, given["client"], server, level, given["password"], interface)
        ciphering = self.client.ciphering
        ciphering.systemTitle = b"GURUXCLI"
        ciphering.invocationCounter = given.get("counter", 7)
        if given["encryption"]:
            ciphering.blockCipherKey = bytes.fromhex(given["encryption"])
            ciphering.authenticationKey = bytes.fromhex(given["authentication"])
        if given["security"] != "none":
            ciphering.security = SECURITY[given["security"]]
        if given.get("dedicated"):
            ciphering.dedicatedKey = bytes(range(16, 32))
        if given.get("size"):
            self.client.maxReceivePDUSize = given["size"]
        self.high = level > Authentication.LOW
        device = given["device"]
        url = f"socket://127.0.0.1:{device[4:]}" if device.startswith("tcp:") else device
        self.line = serial.serial_for_url(url, timeout=0.02)

    def _one(self, request, reply):
        self.line.write(bytes(request))
        buffer = GXByteBuffer()
        for _ in range(500):
            buffer.set(self.line.read(4096))
            if buffer.size and self.client.getData(buffer, reply, None):
                return
        raise EOFError("no answer")

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
        if self.hdlc:
            self.client.parseUAResponse(self.exchange(self.client.snrmRequest()).data)
        self.client.parseAareResponse(self.exchange(self.client.aarqRequest()).data)
        if self.high:
            reply = self.exchange(self.client.getApplicationAssociationRequest())
            self.client.parseApplicationAssociationResponse(reply.data)

    def read(self, target, attribute):
        reply = self.exchange(self.client.read(target, attribute))
        return self.client.updateValue(target, attribute, reply.value)

    def rows(self, frames, profile):
        reply = self.exchange(frames)
        profile.buffer.clear()
        self.client.updateValue(profile, 2, reply.value)
        return [[str(cell.value) if isinstance(cell, GXDateTime) else cell for cell in row] for row in profile.buffer]


def error_of(work):
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def session(reader, given):
    reader.open()
    listed = reader.client.parseObjects(reader.exchange(reader.client.getObjectsRequest()).data, True)
    found = {item.logicalName: item for item in listed}
    result = {"objects": [[int(item.objectType), item.logicalName, item.shortName] for item in listed]}
    energy, voltage = found["1.1.1.8.0.255"], found["1.1.32.7.0.255"]
    for register in (energy, voltage):
        reader.read(register, 3)
        reader.read(register, 2)
    result["energy"] = [energy.value, energy.scaler, int(energy.unit)]
    result["voltage"] = voltage.value
    energy.value = voltage.value = None
    wanted = [(energy, 2), (voltage, 2)]
    for frames in reader.client.readList(wanted):
        reply = reader.exchange(frames)
        reader.client.updateValues(wanted, reply.value)
    result["list"] = [energy.value, voltage.value]
    profile = found.get("1.0.99.1.0.255")
    if profile is not None:
        for attribute in (3, 4, 7):
            reader.read(profile, attribute)
        result["entries"] = profile.entriesInUse
        result["columns"] = [target.logicalName for target, _ in profile.captureObjects]
        result["all"] = reader.rows(reader.client.read(profile, 2), profile)
        result["entry"] = reader.rows(reader.client.readRowsByEntry(profile, 2, 3), profile)
        if given.get("range"):
            start, end = (GXDateTime(datetime.datetime.fromisoformat(text)) for text in given["range"])
            result["range"] = reader.rows(reader.client.readRowsByRange(profile, start, end), profile)
    energy.value = 42
    energy.setDataType(2, DataType.UINT32)
    result["write"] = error_of(lambda: reader.exchange(reader.client.write(energy, 2)))
    if not given.get("stay"):
        if reader.hdlc:
            reader.exchange(reader.client.disconnectRequest())
        else:
            reader.exchange(reader.client.releaseRequest()[0])
    reader.line.close()
    return result


def main():
    given = json.loads(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        result = session(Reader(given), given)
    json.dump(result, sys.stdout, default=str)


main()
