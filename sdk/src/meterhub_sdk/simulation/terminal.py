"""A party that is a pseudo-terminal, for any program that opens a serial port."""

from __future__ import annotations

import os
import termios
import tty
from dataclasses import dataclass
from pathlib import Path

from meterhub_sdk.simulation.wire import Party, Wire

_SPEEDS = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[:1] == "B" and name[1:].isdecimal()}
_CODES = {baud: code for code, baud in _SPEEDS.items()}
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5
_READ_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Terminal:
    """A pseudo-terminal on the line; ``link`` is a symbolic link to make to its device, which changes every time.

    With ``echo`` it hears what it sends, as two-wire adapters and optical heads do. With ``follow`` it sends and hears
    at the speed that its program sets; else at the line's, whatever the program sets.
    """

    name: str
    link: Path | None = None
    echo: bool = False
    follow: bool = False


class TerminalParty(Party):
    """Such a terminal on a wire, open until :meth:`close`; ``OSError`` when its link cannot be made."""

    def __init__(self, settings: Terminal, wire: Wire) -> None:
        super().__init__(settings.name, echo=settings.echo)
        self._wire = wire
        self._follow = settings.follow
        # Our own descriptor of the device keeps what its programs set, and reading possible while none has it open.
        self.master, self._device = os.openpty()
        self._link: Path | None = None
        try:
            self._prepare()
            self.path = os.ttyname(self._device)
            if settings.link is not None:
                self._link = _linked(settings.link, self.path)
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        tty.setraw(self._device)
        os.set_blocking(self.master, False)
        attributes = termios.tcgetattr(self._device)
        code = _CODES.get(self._wire.baud, termios.B38400)
        attributes[_INPUT_SPEED] = attributes[_OUTPUT_SPEED] = code
        termios.tcsetattr(self._device, termios.TCSANOW, attributes)

    @property
    def baud(self) -> int:
        """What its program set, where it is to be followed; an unusual speed counts as the line's."""
        if not self._follow:
            return self._wire.baud
        return _SPEEDS.get(termios.tcgetattr(self.master)[_OUTPUT_SPEED]) or self._wire.baud

    def read(self) -> bytes:
        """What its program has written."""
        try:
            return os.read(self.master, _READ_SIZE)
        except BlockingIOError:
            return b""

    def hear(self, data: bytes, at: float) -> None:
        """Pass it to the program; what does not fit is lost, as in a port that nobody reads."""
        try:
            written = os.write(self.master, data)
        except BlockingIOError:
            written = 0
        self._wire.statistics.overruns += len(data) - written

    def close(self) -> None:
        """Close the terminal and take the link away."""
        os.close(self.master)
        os.close(self._device)
        if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self.path:
            self._link.unlink()


def _linked(link: Path, path: str) -> Path:
    """A link, in place of one that an earlier line left."""
    if link.is_symlink():
        link.unlink()
    try:
        link.symlink_to(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(link)) from error
    return link
