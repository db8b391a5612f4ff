"""A SCADA master made of c104, a program of its own: every value it gets becomes a line of JSON.

``c104_master.py PORT TYPE IOA...``: c104 knows one type for an address, so one run hears the answers to
interrogations (``M_ME_NC_1``), another one the spontaneous values with time tags (``M_ME_TF_1``). It
interrogates after each connection and ends when its standard input does.
"""

import json
import sys
import threading
import time

import c104


def tell(**what: object) -> None:
    """One line for whoever started this program."""
    print(json.dumps(what), flush=True)


def received(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    """A value came."""
    info = point.info
    tell(
        ioa=point.io_address,
        value=info.value,
        quality=str(info.quality),
        cause=message.cot.name,
        time=round(info.recorded_at.timestamp() * 1000) if info.recorded_at else None,
    )
    return c104.ResponseState.SUCCESS


def wait_for_the_end(over: threading.Event) -> None:
    """Set ``over`` when standard input ends."""
    sys.stdin.read()
    over.set()


def main() -> None:
    """Connect, and again whenever the connection is lost."""
    port, kind, addresses = int(sys.argv[1]), sys.argv[2], map(int, sys.argv[3:])
    client = c104.Client(tick_rate_ms=100)
    connection = client.add_connection(ip="127.0.0.1", port=port, init=c104.Init.MUTED)
    assert connection is not None
    station = connection.add_station(common_address=1)
    assert station is not None
    for address in addresses:
        point = station.add_point(io_address=address, type=getattr(c104.Type, kind))
        assert point is not None
        point.on_receive(callable=received)
    over = threading.Event()
    threading.Thread(target=wait_for_the_end, args=[over], daemon=True).start()
    client.start()
    was_open = interrogated = False
    while not over.is_set():
        # with Init.INTERROGATION c104 2.2.1 forgets STARTDT in some runs, whoever it talks to
        if connection.is_connected and connection.is_muted:
            connection.unmute()
        is_open = connection.is_connected and not connection.is_muted
        if is_open != was_open:
            tell(connected=is_open)
            interrogated = False
        if is_open and not interrogated:  # on a busy machine the answer may come too late for c104
            interrogated = connection.interrogation(common_address=1, wait_for_response=True)
            tell(interrogated=interrogated)
        was_open = is_open
        time.sleep(0.05)
    client.stop()


if __name__ == "__main__":
    main()
