"""TCP and UDP ports for tests that run side by side."""

import random
import socket

_BELOW_CLIENTS = range(20_000, 32_000)
"""Linux gives the ports of outgoing connections from 32,768 on, so no client of another test has one of these."""


def free_port() -> int:
    """A port that is free for TCP and UDP on every address, and that no other test of this machine is given.

    It stays taken until this process ends: the name of an abstract Unix socket keeps other processes from the same
    choice. Raises ``RuntimeError`` when a thousand tries find none.
    """
    for _ in range(1000):
        port = random.SystemRandom().choice(_BELOW_CLIENTS)  # tests set the seed of the other
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0meterhub-test-port-{port}")
        except OSError:
            mark.close()
            continue
        mark.detach()  # open until this process ends
        if all(_is_free(port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            return port
    raise RuntimeError("no free port was found between 20000 and 32000: end what listens there")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
