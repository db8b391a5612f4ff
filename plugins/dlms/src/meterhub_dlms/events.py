"""The entries that this distribution writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

METER_CONNECTED = EventType(
    number=1,
    name="meter-connected",
    text="The meter {meter} ({device}) is connected",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)
METER_LOST = EventType(
    number=2,
    name="meter-lost",
    text="The meter {meter} cannot be reached: {reason}",
    severity=Severity.WARNING,
    help="Check the meter's supply, the cable or network, and host and port in the settings. It is tried again.",
)
METER_REFUSED = EventType(
    number=3,
    name="meter-refused-association",
    text="The meter {meter} refused the association: {reason}",
    severity=Severity.ERROR,
    help="Check client address, logical device address, authentication and password against the meter's parameters.",
)
MAPPING_NOT_FOUND = EventType(
    number=4,
    name="mapping-not-found",
    text="The meter {meter} has nothing at {source} for {mapping}: {reason}",
    severity=Severity.WARNING,
    help="Check class, logical name and attribute of the mapping, and that the client address may read it.",
)
VALUE_TYPE_WRONG = EventType(
    number=5,
    name="value-type-wrong",
    text="The value of {mapping} in the meter {meter} does not fit: {reason}",
    severity=Severity.WARNING,
    help="Choose the type in the mapping that suits what the meter sends.",
)
METER_SILENT = EventType(
    number=6,
    name="meter-silent",
    text="The meter {meter} does not answer: {reason}",
    severity=Severity.WARNING,
    help="Check the meter's supply, the wiring of the bus, the physical address and the speed of the port. It is "
    "tried again, with one short probe at a time.",
)
METER_GARBLED = EventType(
    number=7,
    name="meter-garbled",
    text="The meter {meter} answers what cannot be understood: {reason}",
    severity=Severity.WARNING,
    help="Check the termination of the bus, that no two meters have the same address, and speed and parity of the "
    "port. The association is built again.",
)
BUS_LOST = EventType(
    number=8,
    name="bus-lost",
    text="The bus {bus} cannot be used: {reason}",
    severity=Severity.ERROR,
    help="Check the serial adapter or the converter, and the settings of the port. It is tried again.",
)
BUS_OPEN = EventType(
    number=9,
    name="bus-open",
    text="The bus {bus} can be used again",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)
GROUP_TOO_FAST = EventType(
    number=10,
    name="group-too-fast",
    text="On the bus {bus} the polling group {group} takes about {needed} s, and its interval is {interval} s",
    severity=Severity.WARNING,
    help="Polls will be left out. Make the interval longer, read fewer values in this group, or make the line faster.",
)
CLIENT_REFUSED = EventType(
    number=11,
    name="client-refused",
    text="The DLMS client {client} at {peer} was refused: {reason}",
    log=Log.AUTHENTICATION,
    severity=Severity.WARNING,
    help="Check the client's address and password; somebody may be trying passwords. Further ones are counted.",
)

CLIENT_MALFORMED = EventType(
    number=12,
    name="client-malformed",
    text="The connection of a DLMS client at {peer} was closed: {reason}",
    severity=Severity.WARNING,
    help="It does not speak DLMS/COSEM with the TCP wrapper; find out what it is. Further ones are counted.",
)

CLIENT_LOCKED = EventType(
    number=13,
    name="client-locked-out",
    text="The DLMS client {client} at {peer} is locked out for {seconds} s: too many wrong passwords",
    log=Log.AUTHENTICATION,
    severity=Severity.WARNING,
    help="Check the client's password; if nobody mistyped it, somebody is guessing.",
)

CLIENT_UNPROTECTED = EventType(
    number=14,
    name="client-unprotected",
    text="A message of the DLMS client {client} at {peer} was refused: {reason}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="Check keys and least protection on both sides; somebody may be changing or repeating messages. "
    "Further ones are counted.",
)

SERVER_LINE_LOST = EventType(
    number=15,
    name="server-line-lost",
    text="The serial port {port} of the DLMS server does not work: {reason}",
    severity=Severity.WARNING,
    help="Check the adapter and the settings of the port. It is tried again.",
)

SERVER_LINE_BACK = EventType(
    number=16,
    name="server-line-back",
    text="The serial port {port} of the DLMS server works again",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)

COUNTER_FORGOTTEN = EventType(
    number=17,
    name="meter-counter-forgotten",
    text="The invocation counter of the meter {meter} was forgotten by command",
    log=Log.SECURITY,
    severity=Severity.NOTICE,
    help="Its next association is taken whatever its counter is. A meter that lost its counter needs new keys.",
)

EVENT_TYPES = [
    METER_CONNECTED,
    METER_LOST,
    METER_REFUSED,
    MAPPING_NOT_FOUND,
    VALUE_TYPE_WRONG,
    METER_SILENT,
    METER_GARBLED,
    BUS_LOST,
    BUS_OPEN,
    GROUP_TOO_FAST,
    CLIENT_REFUSED,
    CLIENT_MALFORMED,
    CLIENT_LOCKED,
    CLIENT_UNPROTECTED,
    SERVER_LINE_LOST,
    SERVER_LINE_BACK,
    COUNTER_FORGOTTEN,
]
