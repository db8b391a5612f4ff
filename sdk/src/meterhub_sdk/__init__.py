"""Everything a Meterhub plugin may import.

A plugin says what it offers with hooks, and does its work in services:

* hooks are plain functions that register and nothing else;
* a service is an async object that runs until it is cancelled;
* what it knows of the world are points and their readings, and it meets them through its ``hub``.

Names that are not exported here (or by :mod:`meterhub_sdk.testing`) are private.
"""

from meterhub_sdk.config import (
    Config,
    Label,
    PointName,
    SecretName,
    SerialPort,
    TcpPort,
    UdpPort,
    field,
)
from meterhub_sdk.conversion import Conversion, Peer
from meterhub_sdk.errors import (
    ConfigError,
    Fault,
    Forbidden,
    Invalid,
    MeterhubError,
    NotDone,
    NotFound,
    NotLoggedIn,
    NotReady,
    Refused,
    SecondFactorNeeded,
    UnitMismatch,
)
from meterhub_sdk.event import EventType, Log, Severity
from meterhub_sdk.frames import Frame, FrameChannel, FrameLink, Frames, place_of
from meterhub_sdk.hooks import hookimpl
from meterhub_sdk.hub import Batch, Borrowers, Events, Hub, Interface, Latest, Lease, Outcome, Points, Requester, Time
from meterhub_sdk.point import Point, PointType
from meterhub_sdk.reading import Clock, Quality, QualityFlag, Reading, Value, moment, nanoseconds
from meterhub_sdk.service import (
    Driver,
    Feature,
    Rights,
    Service,
    Synthesizer,
    Thing,
    command,
)
from meterhub_sdk.together import together
from meterhub_sdk.trace import Step, StepName, Trace
from meterhub_sdk.writes import WriteGuard
from meterhub_sdk.zones import ZoneName, zone_of

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "Borrowers",
    "Clock",
    "Config",
    "ConfigError",
    "Conversion",
    "Driver",
    "EventType",
    "Events",
    "Fault",
    "Feature",
    "Forbidden",
    "Frame",
    "FrameChannel",
    "FrameLink",
    "Frames",
    "Hub",
    "Interface",
    "Invalid",
    "Label",
    "Latest",
    "Lease",
    "Log",
    "MeterhubError",
    "NotDone",
    "NotFound",
    "NotLoggedIn",
    "NotReady",
    "Outcome",
    "Peer",
    "Point",
    "PointName",
    "PointType",
    "Points",
    "Quality",
    "QualityFlag",
    "Reading",
    "Refused",
    "Requester",
    "Rights",
    "SecondFactorNeeded",
    "SecretName",
    "SerialPort",
    "Service",
    "Severity",
    "Step",
    "StepName",
    "Synthesizer",
    "TcpPort",
    "Thing",
    "Time",
    "Trace",
    "UdpPort",
    "UnitMismatch",
    "Value",
    "WriteGuard",
    "ZoneName",
    "command",
    "field",
    "hookimpl",
    "moment",
    "nanoseconds",
    "place_of",
    "together",
    "zone_of",
]
