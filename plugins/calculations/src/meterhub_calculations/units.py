"""How units of rates and of amounts belong together: W and Wh, l/min and l."""

from __future__ import annotations

_PREFIXES = {"k": 1e3, "M": 1e6, "G": 1e9}
_PREFIXED = frozenset({"W", "var", "VA", "Wh", "varh", "VAh", "V", "A", "Ah"})
_TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0}


def ratio(given: str, wanted: str) -> float | None:
    """How many ``wanted`` one ``given`` is: 1,000 for kW and W; ``None`` when they are not of one kind.

    The prefixes k, M and G of electrical units are known; any other unit is of a kind with itself alone.
    """
    (size, base), (other_size, other_base) = _split(given), _split(wanted)
    return size / other_size if base == other_base else None


def seconds_for_one(rate: str, amount: str) -> float | None:
    """How many seconds a rate of one takes to make an amount of one; ``None`` when they do not belong together.

    3,600 for W and Wh, 60 for l/min and l, and 3,600 for a plain number (a switch that is on) and h.
    """
    (size, base), (amount_size, amount_base) = _split(rate), _split(amount)
    if amount_base == f"{base}h":
        return 3600.0 * amount_size / size
    return next((seconds for name, seconds in _TIMES.items() if rate == f"{amount}/{name}"), None)


def _split(unit: str) -> tuple[float, str]:
    if unit[:1] in _PREFIXES and unit[1:] in _PREFIXED:
        return _PREFIXES[unit[0]], unit[1:]
    return 1.0, unit
