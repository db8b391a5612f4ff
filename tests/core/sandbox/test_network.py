"""Without the network capability nothing is reached, not even this machine; with it everything works as before."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

DIAL = """
import socket
def tcp():
    with socket.create_connection(("127.0.0.1", {tcp}), timeout=5):
        pass
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"x", ("127.0.0.1", {udp}))
def serve(family):
    with socket.socket(family) as server:
        server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        server.listen()
def local():
    with socket.socket(socket.AF_UNIX) as core:
        core.connect(str(outside / "control.sock"))
def abstract():
    with socket.socket(socket.AF_UNIX) as other:
        other.connect("\\0sandbox-{tcp}")
def families(*wanted):
    return {{attempt(socket.socket, family) for family in wanted}}
"""


@pytest.fixture
def dial() -> Iterator[str]:
    """Lines that reach for a TCP, a UDP and an abstract Unix socket, all of which are served here."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        with closing(socket.socket(socket.AF_UNIX)) as abstract:
            abstract.bind(f"\0sandbox-{port}")
            abstract.listen()
            yield DIAL.format(tcp=port, udp=udp.getsockname()[1])


@pytest.fixture
def control(anyone: Any) -> Iterator[None]:
    """A Unix socket like the core's own, which every user may open."""
    path = anyone.outside / "control.sock"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        yield


def closed(bench: Any, dial: str, before: str = "") -> set[str]:
    """How each way out is refused, after `before` took something away from the kernel."""
    found = bench.run(
        f"""{dial}
{before}
confine()
answer(tcp=attempt(tcp), udp=attempt(udp), serve=attempt(serve, socket.AF_INET), serve6=attempt(serve, socket.AF_INET6),
       local=attempt(local), abstract=attempt(abstract),
       raw=attempt(socket.socket, socket.AF_PACKET, socket.SOCK_RAW), netlink=attempt(socket.socket, socket.AF_NETLINK))
"""
    )
    return set(found.values())


@pytest.mark.usefixtures("control")
def test_without_network_no_socket_reaches_anything(anyone: Any, dial: str) -> None:
    assert closed(anyone, dial) == {"EACCES"}


NO_NAMESPACES = """
def refuse(flags):
    raise PermissionError(errno.EPERM, "Operation not permitted")
kernel.unshare = refuse
"""
NO_LANDLOCK = """
def no_landlock():
    raise OSError(errno.ENOSYS, "Function not implemented")
landlock.abi = no_landlock
"""
NO_SECCOMP = """
from meterhub.sandbox import seccomp
seccomp.running = lambda: None
"""


@pytest.mark.parametrize("lacking", [NO_NAMESPACES, NO_LANDLOCK, NO_NAMESPACES + NO_LANDLOCK])
@pytest.mark.usefixtures("control")
def test_without_network_seccomp_alone_closes_every_socket(anyone: Any, dial: str, lacking: str) -> None:
    assert closed(anyone, dial, lacking) == {"EACCES"}


def test_the_namespace_alone_closes_the_network(anyone: Any, dial: str) -> None:
    found = anyone.run(
        f"""{dial}
{NO_LANDLOCK}{NO_SECCOMP}
report = confine()
answer(reached=[attempt(tcp), attempt(udp), attempt(abstract)], missing=report.missing, me=os.getuid(),
       interfaces=[name for _, name in socket.if_nameindex()])
"""
    )
    if any("network" in sentence for sentence in found["missing"]):
        pytest.skip("the kernel gives this user no network namespace")
    assert found["reached"] == ["ENETUNREACH", "ENETUNREACH", "ECONNREFUSED"]
    assert found["interfaces"] == ["lo"]
    assert found["me"] == (os.getuid() if anyone.user is None else anyone.user)
    assert len(found["missing"]) == 2


def test_with_network_this_machine_is_reached(anyone: Any, dial: str) -> None:
    found = anyone.run(
        f"""{dial}
confine()
answer(tcp=attempt(tcp), udp=attempt(udp), serve=attempt(serve, socket.AF_INET),
       name=socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)[0][4][1],
       others=sorted(families(socket.AF_PACKET, socket.AF_ALG, socket.AF_VSOCK, socket.AF_CAN)))
""",
        network=True,
    )
    assert found == {"tcp": "done", "udp": "done", "serve": "done", "name": 80, "others": ["EACCES"]}


@pytest.mark.usefixtures("control")
@pytest.mark.parametrize(("granted", "answer"), [(False, "EACCES"), (True, "done")])
def test_local_sockets_need_a_grant_of_their_own(anyone: Any, dial: str, granted: bool, answer: str) -> None:
    found = anyone.run(f"{dial}\nconfine()\nanswer(local=attempt(local))\n", network=True, local_sockets=granted)
    assert found == {"local": answer}


def test_root_may_still_serve_ports_below_1024_with_network(bench: Any) -> None:
    found = bench.inside(
        """
        import socket
        def low():
            with socket.socket() as server:
                server.bind(("127.0.0.1", 1))
        answer(low=attempt(low), root=os.geteuid() == 0)
        """,
        network=True,
    )
    if not found["root"]:
        pytest.skip("only root has the right that is kept")
    assert found["low"] == "done"


def test_the_socket_pair_to_the_core_goes_on_working(anyone: Any) -> None:
    core, worker = socket.socketpair()
    with core, worker:
        core.settimeout(30)
        core.sendall(b"hello worker")
        anyone.inside(
            f"""
            import socket
            with socket.socket(fileno={worker.fileno()}) as core:
                core.sendall(core.recv(100).replace(b"worker", b"core"))
            answer()
            """,
            pass_fds=(worker.fileno(),),
        )
        assert core.recv(100) == b"hello core"
