"""Formulas: they compute what Python computes, and nothing else can be written in them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_calculations.expression import Expression

NAMES = ("a", "b", "c")
PYTHON = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
    "sqrt": math.sqrt,
    "__builtins__": {},
}
values = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def numeric(inner, logical):
    two = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda text: f"(-{text})"),
        st.tuples(inner, st.integers(-3, 4)).map(lambda t: f"({t[0]} ** {t[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), two).map(lambda t: f"{t[0]}({t[1][0]}, {t[1][1]})"),
        st.tuples(st.sampled_from(["abs", "sqrt", "round"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, st.integers(-3, 6)).map(lambda t: f"round({t[0]}, {t[1]})"),
        st.tuples(logical(inner), inner, inner).map(lambda t: f"if({t[0]}, {t[1]}, {t[2]})"),
    )


def logical(inner):
    plain = st.tuples(inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner)
    one = plain.map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    chain = st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} < {t[1]} <= {t[2]})")
    joined = st.tuples(one, st.sampled_from(["and", "or"]), one).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    return st.one_of(one, chain, joined, one.map(lambda text: f"(not {text})"))


leaves = st.sampled_from(NAMES) | values.map(lambda value: f"{abs(value)}")
texts = st.recursive(leaves, lambda inner: numeric(inner, logical), max_leaves=8)


def python(text, inputs):
    """What Python makes of it; there the choice is a function, and computes all three."""
    names = {**PYTHON, "choose": lambda condition, yes, no: yes if condition else no}
    return eval(text.replace("if(", "choose("), names, dict(inputs))


@given(texts | logical(texts), st.fixed_dictionaries(dict.fromkeys(NAMES, values)))
def test_a_formula_gives_what_python_gives(text, inputs):
    if len(text) > 900:
        return
    try:
        expected = python(text, inputs)
    except (ArithmeticError, ValueError, TypeError):
        return  # Python computes both branches of a choice; a test below looks at ours
    if isinstance(expected, complex) or not math.isfinite(expected):
        return
    try:
        result = Expression(text).value(inputs)
    except OverflowError:
        return  # a step on the way was not finite, and Python went on with infinity
    assert result == expected
    assert isinstance(result, bool) == isinstance(expected, bool)


@pytest.mark.parametrize(
    "text", ["1 / (a - a)", "sqrt(0 - 1)", "1e308 * 10", "if(a > 0, 1 / 0, 2)", "10 ** 9 ** 2", "(a * 1e200) ** 2"]
)
def test_what_has_no_result_says_so(text):
    with pytest.raises((ArithmeticError, ValueError)):
        Expression(text).value({"a": 5.0})


def test_only_the_branch_that_is_taken_is_computed():
    assert Expression("if(a != 0, 1 / a, 0)").value({"a": 0.0}) == 0


@pytest.mark.parametrize(
    ("text", "logical"),
    [("a > 1", True), ("not a", True), ("a and b", True), ("if(a, b > 1, a < 2)", True), ("if(a, b, a < 2)", False)],
)
def test_a_comparison_is_true_or_false(text, logical):
    assert Expression(text).logical is logical


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("__import__('os')", "cannot stand in a formula"),
        ("a.b", "'a.b' cannot stand in a formula"),
        ("a[0]", "cannot stand"),
        ("(lambda: 1)()", "cannot stand"),
        ("[a for a in b]", "cannot stand"),
        ("{a: 1}", "cannot stand"),
        ("'text'", "cannot stand"),
        ("1j", "cannot stand"),
        ("sqrt(*a)", "cannot stand"),
        ("round(number=a)", "cannot stand"),
        ("min", "'min' cannot stand"),
        ("a if b else c", "cannot be read at character"),
        ("a := 1", "cannot be read at character"),
        ("a ^ b", "has an operator that formulas do not know"),
        ("a // b", "has an operator"),
        ("~a", "of the signs before a number, - and \\+ can"),
        ("a is b", "compares in a way"),
        ("a in b", "compares in a way"),
        ("a ** b", "the exponent in 'a \\*\\* b' is 'b'; a whole number from -9 to 9 will do"),
        ("a ** 99", "whole number from -9 to 9"),
        ("a ** 0.5", "whole number from -9 to 9"),
        ("round(a, b)", "number of digits in round\\(\\) is 'b'"),
        ("min(a)", "min\\(\\) was given 1 values; 2 to 32 will do"),
        ("if(a, b)", "if\\(\\) was given 2 values; 3 will do"),
        ("A + 1", "capital letter"),
        ("a + ą", "not ASCII"),
        ("a\n+ 1", "not ASCII"),
        ("", "cannot be read"),
        ("(" * 400, "cannot be read"),
        ("-" * 900 + "1", "too large|too deep"),
        ("+".join("a" * 400), "too large"),
        ("a" * 1001, "1001 characters; at most 1000"),
        ("9" * 400, "too large a number"),
    ],
)
def test_what_is_no_formula_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        Expression(text)


@given(st.text(max_size=60) | st.text("ab(),+-*/<>=! .[]{}'\"if not and or:0123456789", max_size=60))
def test_no_text_does_more_than_be_refused(text):
    try:
        expression = Expression(text)
        expression.value(dict.fromkeys(expression.names, 1.5))
    except (ValueError, ArithmeticError):
        pass
