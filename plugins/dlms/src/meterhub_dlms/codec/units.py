"""Units of scaler_unit (IEC 62056-6-2, class 3, table of physical units): codes and symbols."""

from __future__ import annotations

from meterhub_dlms.codec.errors import CodecError

NO_UNIT = 255

SYMBOLS = {
    1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "°", 9: "°C", 10: "currency",
    11: "m", 12: "m/s", 13: "m³", 14: "m³ (corrected)", 15: "m³/h", 16: "m³/h (corrected)",
    17: "m³/d", 18: "m³/d (corrected)", 19: "l", 20: "kg", 21: "N", 22: "Nm", 23: "Pa", 24: "bar", 25: "J",
    26: "J/h", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 34: "C", 35: "V", 36: "V/m",
    37: "F", 38: "Ω", 39: "Ωm²/m", 40: "Wb", 41: "T", 42: "A/m", 43: "H", 44: "Hz", 45: "1/Wh", 46: "1/varh",
    47: "1/VAh", 48: "V²h", 49: "A²h", 50: "kg/s", 51: "S", 52: "K", 53: "1/V²h", 54: "1/A²h", 55: "1/m³", 56: "%",
    57: "Ah", 60: "Wh/m³", 61: "J/m³", 62: "mol%", 63: "g/m³", 64: "Pa·s", 65: "J/kg", 66: "g/cm²", 67: "atm",
    70: "dBm", 71: "dBµV", 72: "dB", NO_UNIT: "",
}  # fmt: skip
"""Symbol of each unit code; 255 has none."""

CODES = {symbol: code for code, symbol in SYMBOLS.items()}
"""Unit code of each symbol."""

_PREFIXES = {"": 0, "k": 3, "M": 6, "G": 9, "m": -3}
_PREFIXED = frozenset({"W", "VA", "var", "Wh", "VAh", "varh", "A", "V", "Ah"})


def symbol(code: int) -> str:
    """The symbol of a unit code; a code the table does not have is shown as ``unit 254``."""
    return SYMBOLS.get(code, f"unit {code}")


def code_of(unit: str) -> int:
    """The code of a unit symbol such as ``Wh``; ``CodecError`` when DLMS has none for it."""
    try:
        return CODES[unit]
    except KeyError:
        raise CodecError(f"DLMS has no unit {unit!r}; use a base unit such as Wh, W, var, V, A or Hz") from None


def exponent_between(source: str, target: str) -> int | None:
    """The power of ten by which a number in ``source`` is multiplied to be in ``target``.

    3 from kWh to Wh; 0 between equal units; ``None`` when the units are of different kinds.
    """
    if source == target:
        return 0
    for base in _PREFIXED:
        if source.endswith(base) and target.endswith(base):
            given, wanted = _PREFIXES.get(source[: -len(base)]), _PREFIXES.get(target[: -len(base)])
            if given is not None and wanted is not None:
                return given - wanted
    return None
