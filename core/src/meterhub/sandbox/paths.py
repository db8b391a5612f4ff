"""What a Python worker must be able to read to run at all."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator
from pathlib import Path

# fmt: off
# /etc/ssl as a whole would open /etc/ssl/private to a core that runs as root.
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
    "/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone", "/etc/locale.alias",
    "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ssl/cert.pem",
    "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
    "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted",
    "/etc/crypto-policies",
    "/dev/null", "/dev/urandom", "/dev/random",
    "/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/uptime",
    "/sys/devices/system/cpu/online",
)
_NETWORK = (
    "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols",
    "/etc/gai.conf", "/run/systemd/resolve",
)
# fmt: on


def python_paths(*, network: bool = False, exclude: Path | None = None) -> tuple[Path, ...]:
    """Files and trees for `Profile.read`: Python, its libraries, time zones, certificates, its own /proc entries.

    With `network` also what resolving names takes. /etc/resolv.conf is granted as the file that it is now: once a DHCP
    client has put a new file in its place, running workers no longer find name servers and must be restarted
    (with systemd-resolved, whose directory is granted, they do).

    `exclude` is the core's home. Landlock cannot take a part out of a granted tree, so a tree that contains it is
    replaced by its other entries, links left out. It can then not be listed: where it is itself an entry of sys.path,
    nothing is imported from it.
    A path of Python below the home, as with a virtual environment there, stays granted.

    The paths are not resolved: /proc/self must mean the process that applies them.
    """
    wanted = [*_python(), *_SYSTEM, *mimetypes.knownfiles, *(_NETWORK if network else ())]
    home = exclude.resolve() if exclude is not None else None
    return tuple(dict.fromkeys(part for name in wanted for part in _without(Path(name), home)))


def _python() -> Iterator[str]:
    for name in dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path)):
        if Path(name).is_absolute() and Path(name) != Path("/") and Path(name).exists():
            yield name


def _without(path: Path, home: Path | None) -> Iterator[Path]:
    """The path itself, or the entries beside the home when it lies inside."""
    place = path.resolve() if home is not None else path
    if home is None or not home.is_relative_to(place):
        yield path
    elif place != home:
        for child in sorted(place.iterdir()):
            # A grant follows links, which may lead out of the tree or back into the home.
            if not child.is_symlink():
                yield from _without(child, home)
