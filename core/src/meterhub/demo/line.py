"""The demo's serial line: the gateway at one end, a meter at the other, and the time that bytes take in between."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meterhub_sdk import Refused
from meterhub_sdk.simulation import SimulatedLine, Terminal

from meterhub.demo.examples import Document

BAUD = 9600
ENDS = ("gateway", "meter-2")
"""The instances on the line, the master first."""

_DEVICES = Path("/dev/shm")  # noqa: S108 -- a directory of our own below it; serial ports must be below /dev


def connect(documents: dict[str, Document], directory: Path) -> Path:
    """Name the ends of the line in the settings; answers where :func:`line_between` must put them.

    The names stay when the demo runs in the same directory again, though pseudo-terminals have new ones each time.
    """
    digest = hashlib.sha256(bytes(directory)).hexdigest()[:12]
    ends = _DEVICES / f"meterhub-demo-{os.getuid()}-{digest}"
    for name in ENDS:
        (port,) = documents[name]["services"]["serial"]["ports"]
        port.update(device=str(ends / name), baud=BAUD)
    return ends


@contextmanager
def line_between(ends: Path) -> Iterator[SimulatedLine]:
    """The line, with its ends in the directory ``ends``, which is removed again."""
    try:
        ends.mkdir(mode=0o700, exist_ok=True)
        if ends.is_symlink() or ends.stat().st_uid != os.getuid():
            raise Refused(f"{ends} belongs to somebody else; remove it, or give the demo another --home")
    except OSError as error:
        raise Refused(f"the demo's serial line cannot be made at {ends}: {error.strerror}") from error
    try:
        with SimulatedLine(*(Terminal(name, ends / name) for name in ENDS), baud=BAUD) as line:
            yield line
    finally:
        with suppress(OSError):
            ends.rmdir()
