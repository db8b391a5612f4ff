"""Units through a formula: what is added or compared must be of one unit, and products have the product of units.

A plain number goes with any unit, as it does in the arithmetic of readings.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from fractions import Fraction

from meterhub_sdk import UnitMismatch

from meterhub_calculations.expression import CHOICE, exponent_of, shown

Dimension = Mapping[str, Fraction]
"""Units and their exponents: V·A is ``{"V": 1, "A": 1}``; a number with no unit is empty."""


def dimension(node: ast.expr, units: Mapping[str, str]) -> Dimension | None:
    """The dimension of a checked formula's part, given the unit of each input; ``None`` for a plain number.

    ``UnitMismatch`` names the part in which units do not agree.
    """
    match node:
        case ast.Name(id=name):
            return {units[name]: Fraction(1)} if units[name] else {}
        case ast.UnaryOp(op=op, operand=operand):
            inner = dimension(operand, units)
            return {} if isinstance(op, ast.Not) else inner
        case ast.BinOp(op=ast.Pow(), left=base):
            return _power(dimension(base, units), Fraction(exponent_of(node)))
        case ast.BinOp(op=ast.Add() | ast.Sub(), left=left, right=right):
            return _agreed(node, [left, right], units)
        case ast.BinOp(op=op, left=left, right=right):
            sign = Fraction(-1 if isinstance(op, ast.Div) else 1)
            return _product(dimension(left, units), _power(dimension(right, units), sign))
        case ast.Compare(left=left, comparators=others):
            _agreed(node, [left, *others], units)
            return {}
        case ast.BoolOp(values=values):
            for value in values:
                dimension(value, units)
            return {}
        case ast.Call(func=ast.Name(id=name), args=args):
            return _call(node, name, args, units)
    return None


def _call(node: ast.expr, name: str, args: Sequence[ast.expr], units: Mapping[str, str]) -> Dimension | None:
    if name == CHOICE:
        dimension(args[0], units)
        return _agreed(node, args[1:], units)
    if name in ("min", "max"):
        return _agreed(node, args, units)
    inner = dimension(args[0], units)
    return _power(inner, Fraction(1, 2)) if name == "sqrt" else inner


def _agreed(node: ast.expr, parts: Sequence[ast.expr], units: Mapping[str, str]) -> Dimension | None:
    found = [one for one in (dimension(part, units) for part in parts) if one is not None]
    for other in found[1:]:
        if other != found[0]:
            raise UnitMismatch(f"{shown(node)} brings {told(found[0])} and {told(other)} together")
    return found[0] if found else None


def _product(a: Dimension | None, b: Dimension | None) -> Dimension | None:
    if a is None or b is None:
        return b if a is None else a
    exponents = {unit: a.get(unit, Fraction(0)) + b.get(unit, Fraction(0)) for unit in {**a, **b}}
    return {unit: exponent for unit, exponent in exponents.items() if exponent}


def _power(base: Dimension | None, exponent: Fraction) -> Dimension | None:
    return base and {unit: its * exponent for unit, its in base.items() if exponent}


def told(found: Dimension) -> str:
    """A dimension for people: ``V·A``, ``W^2``, ``no unit``."""
    return "·".join(unit if its == 1 else f"{unit}^{its}" for unit, its in found.items()) or "no unit"
