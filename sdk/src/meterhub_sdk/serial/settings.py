"""The settings of one serial port, as the service ``serial`` holds them and a lease brings them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from meterhub_sdk.config import Config, field
from pydantic import AfterValidator, StringConstraints, model_validator

PortKind = Literal["rs485", "rs422", "rs232", "base-meter"]
Baud = Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]
Parity = Literal["none", "even", "odd"]
FlowControl = Literal["none", "rts-cts", "xon-xoff"]

_PATH = re.compile(r"/dev/[A-Za-z0-9_.:+@,/-]+")
_SCHEMES = ("rfc2217", "socket")


def _check_device(text: str) -> str:
    if _PATH.fullmatch(text) and ".." not in text.split("/"):
        return text
    try:
        url = urlsplit(text)
        (url.hostname or "").encode("idna")
        sound = url.scheme in _SCHEMES and url.hostname and url.port and text == f"{url.scheme}://{url.netloc}"
    except ValueError:
        sound = False
    if not sound or "@" in text:
        raise ValueError(
            f"{text!r} is no serial device; give a path such as /dev/ttyUSB0, or rfc2217://host:port or "
            "socket://host:port for a port of another machine"
        )
    return text


@dataclass(frozen=True, slots=True)
class LineMode:
    """Speed in baud and the frame of a character; a mode change in the middle of an exchange gives a new one."""

    baud: int
    data_bits: int = 8
    parity: Parity = "none"
    stop_bits: int = 1

    @property
    def character(self) -> float:
        """Seconds that one character takes on the wire, start bit included."""
        return (1 + self.data_bits + (self.parity != "none") + self.stop_bits) / self.baud


class PortSettings(Config):
    """One serial port."""

    kind: PortKind = field("rs485", title="Kind", description="base-meter: a channel of the base meter.")
    device: Annotated[str, StringConstraints(max_length=200), AfterValidator(_check_device)] = field(
        title="Device",
        description="A path such as /dev/ttyUSB0 or, better as it survives replugging, one below /dev/serial/by-id; "
        "rfc2217://host:port or socket://host:port for a port of another machine. What is behind socket:// keeps "
        "its own line settings.",
    )
    baud: Baud = field(9600, title="Speed", unit="Bd")
    data_bits: Literal[7, 8] = field(8, title="Data bits")
    parity: Parity = field("none", title="Parity")
    stop_bits: Literal[1, 2] = field(1, title="Stop bits")
    flow_control: FlowControl = field("none", title="Flow control")
    software_parity: bool = field(
        False,
        title="Parity in software",
        description="7 data bits with parity, made on a line of 8 bits without: for adapters that cannot do it, "
        "and for a quick change from the sign-on of IEC 62056-21 to HDLC.",
    )
    kernel_direction: bool = field(
        False,
        title="Direction by the kernel",
        description="The kernel's RS-485 mode switches the transmitter by RTS; not for adapters that do it themselves.",
    )
    delay_before: float = field(0.0, title="Delay before sending", unit="ms", ge=0, le=1000)
    delay_after: float = field(0.0, title="Delay after sending", unit="ms", ge=0, le=1000)
    suppress_echo: bool = field(
        False, title="Suppress echo", description="For optical heads and two-wire adapters that hear what they send."
    )

    @property
    def remote(self) -> bool:
        """Whether the port is another machine's."""
        return not self.device.startswith("/")

    @property
    def mode(self) -> LineMode:
        """Speed and frame at opening."""
        return LineMode(self.baud, self.data_bits, self.parity, self.stop_bits)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kernel_direction and (self.kind != "rs485" or self.remote):
            raise ValueError("direction by the kernel is only for an RS-485 port of this machine; switch it off")
        if self.kernel_direction and self.flow_control == "rts-cts":
            raise ValueError("RTS cannot both switch the direction and control the flow; choose flow control none")
        if (self.delay_before or self.delay_after) and not self.kernel_direction:
            raise ValueError("delays before and after sending need direction by the kernel; set them to 0")
        if self.software_parity and (self.data_bits, self.parity != "none") != (7, True):
            raise ValueError("parity in software needs 7 data bits and even or odd parity")
        if self.software_parity and self.flow_control == "xon-xoff":
            raise ValueError("with parity in software XON and XOFF are not recognised; choose another flow control")
        return self
