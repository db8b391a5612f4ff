"""A controlled station made of c104 in a process of its own: ``c104_server.py PORT``; it tells what it was commanded.

Points: 1 M_SP (true), 2 M_DP (on), 3 M_ME_TF (7.25, substituted, 2026-01-01 00:00:01 UTC), 4 M_IT (77), 5 M_ST (-5),
6 M_BO (9), 7 M_ME_NB (-300), 8 M_ME_NA (0.5). Commands: 101 C_SC and 103 C_SE_NC, refused for false and negative
values; 102 C_DC with select; 104 C_SC never answered; 105 C_RC, 106 C_SE_NA, 107 C_SE_NB, 108 C_BO.
"""

import datetime
import json
import sys

import c104


def commanded(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    """Tell, and refuse what is false or negative."""
    value = point.value
    print(json.dumps([point.io_address, str(value), message.originator_address]), flush=True)
    if point.io_address == 104:
        return c104.ResponseState.NONE
    refused = value is False or (isinstance(value, float) and value < 0)
    return c104.ResponseState.FAILURE if refused else c104.ResponseState.SUCCESS


def main() -> None:
    """Serve until standard input ends."""
    server = c104.Server(ip="127.0.0.1", port=int(sys.argv[1]))
    station = server.add_station(common_address=47)
    assert station is not None
    values = (
        (1, "M_SP_NA_1", True),
        (2, "M_DP_NA_1", c104.Double.ON),
        (4, "M_IT_NA_1", 77),
        (5, "M_ST_NA_1", c104.Int7(-5)),
        (6, "M_BO_NA_1", c104.Byte32(b"\x09\0\0\0")),
        (7, "M_ME_NB_1", c104.Int16(-300)),
        (8, "M_ME_NA_1", c104.NormalizedFloat(0.5)),
    )
    for ioa, kind, value in values:
        station.add_point(io_address=ioa, type=getattr(c104.Type, kind)).value = value
    tagged = station.add_point(io_address=3, type=c104.Type.M_ME_TF_1)
    tagged.info = c104.ShortInfo(7.25, c104.Quality.Substituted, datetime.datetime(2026, 1, 1, 0, 0, 1))
    kinds = ("C_SC", "C_DC", "C_SE_NC", "C_SC", "C_RC", "C_SE_NA", "C_SE_NB", "C_BO")
    for ioa, name in enumerate(kinds, 101):
        kind = getattr(c104.Type, f"{name}_1" if "_SE_" in name else f"{name}_NA_1")
        mode = c104.CommandMode.SELECT_AND_EXECUTE if ioa == 102 else c104.CommandMode.DIRECT
        station.add_point(io_address=ioa, type=kind, command_mode=mode).on_receive(callable=commanded)
    server.start()
    print("ready", flush=True)
    for line in sys.stdin:
        tagged.value = float(line)
        tagged.transmit(cause=c104.Cot.SPONTANEOUS)
    server.stop()


main()
