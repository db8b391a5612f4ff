"""``meterhub-sdk simulate-line``: a simulated line in a process of its own."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from meterhub_sdk.simulation.faults import Faults
from meterhub_sdk.simulation.line import SimulatedLine
from meterhub_sdk.simulation.station import InProcess, Station
from meterhub_sdk.simulation.terminal import Terminal
from meterhub_sdk.tools.errors import ToolError

_PERCENT = 100
_READ_SIZE = 4096
_SWITCH_INTERVAL = 2e-4
"""Seconds after which the line's thread takes over from the one that answers orders."""


def simulate_line(options: argparse.Namespace) -> int:
    """Run a line until it is interrupted, or, where it is ``controlled``, until standard input ends.

    It prints a line of JSON with the devices first and one with the statistics last. A controlled one answers the
    lines ``statistics`` and ``bursts`` with those so far. :class:`~meterhub_sdk.tools.errors.ToolError` when it cannot
    be.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with _line(options) as line:
        gc.freeze()
        sys.setswitchinterval(_SWITCH_INTERVAL)
        _say(terminals=dict(line.paths))
        try:
            _run(line, controlled=options.controlled)
        except KeyboardInterrupt:
            pass
    _say(statistics=asdict(line.statistics))
    return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def _run(line: SimulatedLine, *, controlled: bool) -> None:
    """Until the end of standard input, or of the line by a fault of its station."""
    watched = [line, sys.stdin] if controlled else [line]
    while line not in select.select(watched, [], [])[0]:
        if not (orders := os.read(sys.stdin.fileno(), _READ_SIZE)):
            return
        for order in orders.split():
            _say(**_told(line, order))


def _told(line: SimulatedLine, order: bytes) -> dict[str, Any]:
    if order == b"bursts":
        return {"bursts": [[b.party, b.begin, b.end, b.fate, b.data.hex()] for b in line.bursts]}
    return {"statistics": asdict(line.statistics)}


def _line(options: argparse.Namespace) -> SimulatedLine:
    settings = {"echo": options.echo, "follow": options.follow}
    given = dict(map(_named, options.link or ()))
    names = list(given) or (["master"] if options.station else ["a", "b"])
    terminals = [Terminal(name, given.get(name), **settings) for name in names]
    try:
        faults = Faults(
            lost=options.loss / _PERCENT,
            corrupted=options.corrupt / _PERCENT,
            late=options.late / _PERCENT,
            late_by=options.late_by,
            foreign=options.foreign / _PERCENT,
            seed=options.seed,
        )
        return SimulatedLine(*terminals, *_stations(options), baud=options.baud, bits=options.bits, faults=faults)
    except ValueError as error:
        raise ToolError(str(error)) from error


def _named(link: str) -> tuple[str, Path]:
    """A terminal's name is the last part of its link."""
    path = Path(link)
    return path.name, path


def _stations(options: argparse.Namespace) -> Iterable[InProcess]:
    if options.station is None:
        return
    factory, arguments = _factory(options.station), _arguments(options.arguments)
    try:
        made = factory(**arguments)
    except (TypeError, ValueError) as error:
        raise ToolError(f"the station {options.station} cannot be made: {error}") from error
    stations: list[Station] = [made] if callable(made) else list(made)
    for number, station in enumerate(stations, 1):
        yield InProcess(station, options.turnaround / 1000, options.silence, f"station {number}")


def _factory(path: str) -> Any:
    """What an import path such as ``package.module:factory`` names."""
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ToolError(f"the station {path} is not to be had: {error}; give package.module:factory") from error


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise ToolError(f"the station's arguments are no JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise ToolError('the station\'s arguments are no JSON object; {"meters": 10} would do')
    return arguments
