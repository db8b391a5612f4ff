"""Reads a meter with gurux-dlms (GPL-2.0-only, so in a process of its own) and prints what it got as JSON.

Arguments: port, client address, password or "-". With ``time HEX`` it decodes a date-time instead.
"""

import contextlib
import json
import socket
import sys

from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, DataType, InterfaceType, ObjectType
from gurux_dlms.objects import GXDLMSAssociationLogicalName, GXDLMSClock, GXDLMSData, GXDLMSObject, GXDLMSRegister


class Reader:
    def __init__(self, port, address, password):
        authentication = Authentication.LOW if password else Authentication.NONE
        self.client = GXDLMSClient(True, address, 1, authentication, password, InterfaceType.WRAPPER)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def _frame(self):
        frame = b""
        while len(frame) < 8 or len(frame) < 8 + int.from_bytes(frame[6:8], "big"):
            got = self.socket.recv(65536)
            if not got:
                raise EOFError("closed")
            frame += got
        return frame

    def _one(self, request, reply):
        self.socket.sendall(bytes(request))
        buffer = GXByteBuffer()
        buffer.set(self._frame())
        self.client.getData(buffer, reply, None)

    def exchange(self, frames):
        reply = GXReplyData()
        for frame in frames:
            reply.clear()
            self._one(frame, reply)
            while reply.isMoreData():
                self._one(self.client.receiverReady(reply), reply)
        if reply.error:
            raise RuntimeError(int(reply.error))
        return reply

    def open(self):
        self.client.parseAareResponse(self.exchange(self.client.aarqRequest()).data)

    def read(self, target, attribute):
        reply = self.exchange(self.client.read(target, attribute))
        return self.client.updateValue(target, attribute, reply.value)

    def error_of(self, work):
        try:
            work()
        except Exception as error:
            return str(error)
        return None


def clock_time(reader):
    clock = GXDLMSClock("0.0.1.0.0.255")
    reader.read(clock, 2)
    for attribute in range(3, 10):
        reader.read(clock, attribute)
    return clock.time.value.timestamp(), clock.timeZone


def session(port, address, password):
    reader = Reader(port, address, password)
    reader.open()
    result = {}
    result["clock"], result["zone"] = clock_time(reader)
    name = GXDLMSData("0.0.42.0.0.255")
    result["device"] = bytes(reader.read(name, 2)).decode()
    energy, voltage = GXDLMSRegister("1.1.1.8.0.255"), GXDLMSRegister("1.1.32.7.0.255")
    for register in (energy, voltage):
        reader.read(register, 3)
        reader.read(register, 2)
    result["energy"] = [energy.value, energy.scaler, int(energy.unit)]
    result["voltage"] = [voltage.value, voltage.scaler, int(voltage.unit)]
    wanted = [(energy, 2), (voltage, 2), (name, 2)]
    energy.value = voltage.value = None
    for frames in reader.client.readList(wanted):
        reply = reader.exchange([frames] if not isinstance(frames, list) else frames)
        reader.client.updateValues(wanted, reply.value)
    result["list"] = [energy.value, voltage.value]
    association = GXDLMSAssociationLogicalName()
    reply = reader.exchange([reader.client.getObjectsRequest()])
    result["objects"] = len(reader.client.parseObjects(reply.data, True))
    for attribute in (3, 4, 5, 6, 8):
        reader.read(association, attribute)
    result["context"] = [association.clientSAP, association.serverSAP, int(association.associationStatus)]
    sap = GXDLMSObject(ObjectType.SAP_ASSIGNMENT, "0.0.41.0.0.255", 0)
    result["sap"] = reader.exchange(reader.client.read(sap, 2)).value[0][0]
    energy.value = 42
    energy.setDataType(2, DataType.UINT32)
    result["write"] = reader.error_of(lambda: reader.exchange(reader.client.write(energy, 2)))
    result["method"] = reader.error_of(lambda: reader.exchange(reader.client.method(energy, 1, 0, DataType.INT8)))
    result["secret"] = reader.error_of(lambda: reader.read(association, 7))
    reader.exchange([reader.client.releaseRequest()[0]])
    reader.socket.close()
    return result


def decoded_time(text):
    value = GXDLMSClient.changeType(bytearray.fromhex(text), DataType.DATETIME).value
    return value.timestamp()


def main():
    with contextlib.redirect_stdout(sys.stderr):
        if sys.argv[1] == "time":
            result = [decoded_time(text) for text in sys.argv[2:]]
        else:
            port, address, password = sys.argv[1:]
            result = session(int(port), int(address), None if password == "-" else password)
    json.dump(result, sys.stdout, default=str)


main()
