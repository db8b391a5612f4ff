"""Formulas: a small part of Python's expressions, checked whole before any of it is computed.

A formula is numbers, names of inputs, ``+ - * /``, ``**`` with a whole exponent from -9 to 9, comparisons, ``and or
not``, parentheses, and the functions ``min max abs sqrt round if``. Python parses it; what is not on the list is an
error, so nothing else can ever run. It computes as Python does with floating-point numbers, and each step must give
a finite one.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence

LENGTH = 1000
NODES = 300
DEPTH = 30
EXPONENT = 9

Work = Callable[[Mapping[str, float]], float]

CHOICE = "IF"
"""How ``if`` is called once Python has read it: there it is a word of the language, and inputs have small letters."""

_WORDS = frozenset({*keyword.kwlist, *keyword.softkwlist})
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: dict[str, tuple[Callable[..., float], int, int]] = {
    "min": (min, 2, 32),
    "max": (max, 2, 32),
    "abs": (abs, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "round": (round, 1, 2),
    CHOICE: (lambda condition, yes, no: yes if condition else no, 3, 3),
}


class Expression:
    """A formula, read and checked; ``names`` are the inputs that it uses, ``logical`` says whether it is true or false.

    ``ValueError`` with one sentence when it is no formula.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.body = _parsed(text)
        self.names: set[str] = set()
        self._work = self._build(self.body)
        self.logical = _logical(self.body)

    def value(self, inputs: Mapping[str, float]) -> float | bool:
        """The result for these inputs; ``ArithmeticError`` or ``ValueError`` when it has none, as ``1 / 0``."""
        result = self._work(inputs)
        return bool(result) if self.logical else _finite(float(result))

    def _build(self, node: ast.expr) -> Work:
        match node:
            case ast.Constant(value=int() | float() as number) if type(number) is not bool:
                constant = _number(number)
                return lambda _: constant
            case ast.Name(id=name) if name not in FUNCTIONS:
                self.names.add(name)
                return lambda inputs: inputs[name]
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BinOp():
                return self._binary(node)
            case ast.BoolOp(op=op, values=values):
                works = [self._build(value) for value in values]
                decide = all if isinstance(op, ast.And) else any
                return lambda inputs: decide(work(inputs) for work in works)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                return self._call(name, args)
        raise ValueError(f"{shown(node)} cannot stand in a formula; use + - * / **, comparisons, {_KNOWN}")

    def _unary(self, node: ast.UnaryOp) -> Work:
        work = self._build(node.operand)
        match node.op:
            case ast.USub():
                return lambda inputs: -work(inputs)
            case ast.UAdd():
                return work
            case ast.Not():
                return lambda inputs: not work(inputs)
        raise ValueError(f"{shown(node)} cannot stand in a formula; of the signs before a number, - and + can")

    def _binary(self, node: ast.BinOp) -> Work:
        left = self._build(node.left)
        if isinstance(node.op, ast.Pow):
            exponent = exponent_of(node)
            return lambda inputs: _finite(float(left(inputs)) ** exponent)
        right = self._build(node.right)
        work = _OPERATORS.get(type(node.op))
        if work is None:
            raise ValueError(f"{shown(node)} has an operator that formulas do not know; + - * / and ** are known")
        return lambda inputs: _finite(work(left(inputs), right(inputs)))

    def _comparison(self, node: ast.Compare) -> Work:
        first = self._build(node.left)
        others: list[tuple[Callable[[float, float], bool], Work]] = []
        for op, operand in zip(node.ops, node.comparators, strict=True):
            if (compare := _COMPARISONS.get(type(op))) is None:
                raise ValueError(
                    f"{shown(node)} compares in a way that formulas do not know; < <= > >= == != are known"
                )
            others.append((compare, self._build(operand)))

        def work(inputs: Mapping[str, float]) -> bool:
            before = first(inputs)
            for compare, operand in others:
                value = operand(inputs)
                if not compare(before, value):
                    return False
                before = value
            return True

        return work

    def _call(self, name: str, args: Sequence[ast.expr]) -> Work:
        function, least, most = FUNCTIONS[name]
        title = name.lower()
        if not least <= len(args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise ValueError(f"{title}() was given {len(args)} values; {wanted} will do")
        if name == "round" and len(args) == 2:
            digits = whole(args[1], "the number of digits in round()", EXPONENT)
            rounded = self._build(args[0])
            return lambda inputs: round(float(rounded(inputs)), digits)
        works = [self._build(arg) for arg in args]
        if name == CHOICE:
            condition, yes, no = works
            return lambda inputs: yes(inputs) if condition(inputs) else no(inputs)
        return lambda inputs: function(*(work(inputs) for work in works))


def check_name(name: str) -> str:
    """The name of an input; ``ValueError`` when formulas or Python use it for something of their own."""
    if name in _WORDS or name in FUNCTIONS:
        raise ValueError(f"an input cannot be called {name}: that word has a meaning in formulas; give it another name")
    return name


_KNOWN = "and or not, and the functions min max abs sqrt round if"


def whole(node: ast.expr, what: str, most: int) -> int:
    """The whole number that stands at this place; ``ValueError`` when none does, or one beyond ``most``."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if not (isinstance(node, ast.Constant) and type(node.value) is int and node.value <= most):
        raise ValueError(f"{what} is {shown(node)}; a whole number from -{most} to {most} will do")
    return sign * node.value


def exponent_of(node: ast.BinOp) -> int:
    """The exponent of a power; ``ValueError`` when it is no small whole number."""
    return whole(node.right, f"the exponent in {shown(node)}", EXPONENT)


def shown(node: ast.expr) -> str:
    """The part of a formula as a person wrote it."""
    return repr(ast.unparse(node).replace(f"{CHOICE}(", "if(")[:60])


def _parsed(text: str) -> ast.expr:
    if len(text) > LENGTH:
        raise ValueError(f"the formula has {len(text)} characters; at most {LENGTH} will do")
    if re.search(r"[^ -~]|\b[A-Z]", text):
        raise ValueError(
            "the formula holds a capital letter or a character that is not ASCII; inputs have small letters"
        )
    try:
        body = ast.parse(re.sub(r"\bif\b", CHOICE, text.strip()), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"the formula cannot be read at character {error.offset}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError("the formula cannot be read: it is nested too deep") from None
    count, level = 0, [body]
    for _ in range(DEPTH):
        count += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if level or count > NODES:
        raise ValueError(f"the formula is too large; {NODES} parts, nested {DEPTH} deep, will do")
    return body


def _number(number: float) -> float:
    try:
        return _finite(float(number))
    except OverflowError:
        raise ValueError(f"{str(number)[:20]}… is too large a number") from None


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise OverflowError(f"{value} is no number to go on with")
    return value


def _logical(node: ast.expr) -> bool:
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Call(func=ast.Name(id=name), args=[_, yes, no]) if name == CHOICE:
            return _logical(yes) and _logical(no)
    return False
