"""A station that answers each command at once, whatever it is: ``quick_station.py PORT``; it tells every one."""

import socket
import struct
import sys

CONFIRMED, ENDED = 7, 10
UNNUMBERED = {0x07: 0x0B, 0x13: 0x23, 0x43: 0x83}


def serve(master: socket.socket) -> None:
    """Until the master is gone."""
    stream = master.makefile("rb")
    sent = received = 0
    while head := stream.read(2):
        frame = stream.read(head[1])
        if frame[0] in UNNUMBERED:
            master.sendall(bytes((0x68, 4, UNNUMBERED[frame[0]], 0, 0, 0)))
        if frame[0] & 1:
            continue
        received += 1
        asdu = bytearray(frame[4:])
        selects = asdu[-1] >= 0x80
        for cause in (CONFIRMED,) if selects else (CONFIRMED, ENDED):
            asdu[2] = cause
            master.sendall(struct.pack("<BBHH", 0x68, len(asdu) + 4, sent << 1, received << 1) + asdu)
            sent += 1
        print(asdu[0], "select" if selects else "execute", flush=True)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    print("ready", flush=True)
    while True:
        serve(listening.accept()[0])
