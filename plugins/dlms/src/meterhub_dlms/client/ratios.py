"""Current and voltage transformers: from the values at a meter's terminals to those of the line, and back."""

from __future__ import annotations

import math
from decimal import Decimal

from meterhub_sdk import Value

from meterhub_dlms.client.settings import Meter

_CURRENT = frozenset({"A"})
_VOLTAGE = frozenset({"V"})
_POWER = frozenset({"W", "VA", "var", "Wh", "VAh", "varh"})


def factor(meter: Meter, unit: str) -> float:
    """What a value of this unit is multiplied by: 1 for a meter that tells primary values."""
    if meter.values == "primary":
        return 1.0
    if unit in _POWER:
        return meter.ct_ratio * meter.vt_ratio
    return meter.ct_ratio if unit in _CURRENT else meter.vt_ratio if unit in _VOLTAGE else 1.0


def primary(meter: Meter, value: Value, unit: str) -> Value:
    """A value as it is on the primary side; numbers of other units stay as they are."""
    return _times(value, Decimal(repr(factor(meter, unit))))


def secondary(meter: Meter, value: Value, unit: str) -> Value:
    """A value to be written, as the meter counts it."""
    return _times(value, 1 / Decimal(repr(factor(meter, unit))))


def _times(value: Value, ratio: Decimal) -> Value:
    """The product in decimal, rounded once; a whole number stays one where its point wants it."""
    if ratio == 1 or isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return value
    product = Decimal(repr(value)) * ratio
    return round(product) if isinstance(value, int) else float(product)
