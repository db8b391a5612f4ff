"""Something to look at on an instance without meters: a recorded load curve, logged and served on this machine only."""

from __future__ import annotations

from typing import Any

METER = "load-curve"
"""The service that the others read; without it there is nothing to look at."""

_SERVED = (
    ("energy-import", "u32"),
    ("energy-export", "u32"),
    ("active-power", "f32"),
    ("voltage", "f32"),
    ("current", "f32"),
)

SERVICES: dict[str, dict[str, Any]] = {
    METER: {"speed": 60, "interval": 1, "offset": 420, "initial_tariff_1": 1_280_000, "initial_tariff_2": 412_000},
    "data-logger": {
        "sources": [{"label": METER, "points": [f"{METER}/**"], "record": "interval", "interval": 10}],
    },
    "modbus-server": {
        "host": "127.0.0.1",
        "port": 1502,
        "groups": [
            {
                "label": METER,
                "rows": [
                    {"point": f"{METER}/{name}", "bank": "holding", "address": 2 * place, "format": form}
                    for place, (name, form) in enumerate(_SERVED)
                ],
            }
        ],
    },
    "iec104-server": {
        "host": "127.0.0.1",
        "port": 2404,
        "common_address": 1,
        "groups": [
            {
                "label": METER,
                "rows": [
                    {"type": "M_ME_NC", "point": f"{METER}/{name}", "ioa": 1001 + place}
                    for place, (name, _) in enumerate(_SERVED)
                ],
            }
        ],
    },
}
"""Settings by the name of the service."""
