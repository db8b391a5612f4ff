"""Names of points, and the patterns that stand for many of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk.point import PatternSet, check_element, check_name, compile_pattern, is_pattern

elements = st.sampled_from(["a", "b", "meter-1", "ü"])
names = st.lists(elements, min_size=1, max_size=4).map("/".join)
patterns = st.builds(
    lambda middle, last: "/".join([*middle, *last]) or "**",
    st.lists(elements | st.just("*"), max_size=3),
    st.sampled_from([[], ["**"], ["*"], ["a"]]),
)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "dlms-client/main-meter/energy-import",
        "Zähler/Straße",
        "1-0:1.8.0*255".replace("*", "_"),
        "x" * 64,
        "a@b/c",
    ],
)
def test_a_good_name_is_answered_as_it_is(name: str) -> None:
    assert check_name(name) is name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "a point name is empty"),
        ("a//b", "'' in 'a//b' has 0 characters; 1 to 64 will do"),
        ("/a", "has 0 characters"),
        ("a/", "has 0 characters"),
        ("a b", "'a b' in 'a b' holds ' '"),
        ("a?b", "holds '?'; a name has none of / ? # % * and no spaces"),
        ("a#b", "holds '#'"),
        ("a%20b", "holds '%'"),
        ("a\tb", "holds"),
        ("a\x00b", "holds"),
        ("a\u00a0b", "holds"),
        ("a\u2028b", "holds"),
        ("*", "holds '*'"),
        ("a/**", "holds '*'"),
        ("x" * 65, "has 65 characters; 1 to 64 will do"),
        ("/".join(["x" * 63] * 9), "has 575 characters; at most 512 will do"),
        ("x" * 10_000, "has 10000 characters; at most 512 will do"),
        ("Za\u0308hler", "is not in Unicode's composed form (NFC); type it again"),
    ],
)
def test_a_bad_name_is_told_with_one_short_sentence(name: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_name(name)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("pattern", ["*", "**", "a/*", "a/**", "*/*/x", "*/b/**"])
def test_a_wildcard_is_a_whole_element(pattern: str) -> None:
    assert check_name(pattern, pattern=True) == pattern
    assert is_pattern(pattern)


@pytest.mark.parametrize("pattern", ["a*", "*a", "**/a", "a/**/b", "***", "a/", "a b/*"])
def test_a_wildcard_stands_nowhere_else(pattern: str) -> None:
    with pytest.raises(ValueError):
        check_name(pattern, pattern=True)
    with pytest.raises(ValueError):
        compile_pattern(pattern)
    if is_pattern(pattern):
        with pytest.raises(ValueError):
            PatternSet([pattern])


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("**", "a", True),
        ("**", "a/b/c", True),
        ("a/**", "a/b", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**", "ab/c", False),
        ("a/*/c", "a/b/c", True),
        ("a/*/c", "a/b/b/c", False),
        ("a/b", "a/b", True),
        ("a.b/*", "axb/c", False),
    ],
)
def test_what_a_pattern_stands_for(pattern: str, name: str, matches: bool) -> None:
    assert (name in PatternSet([pattern])) == matches
    assert bool(compile_pattern(pattern).fullmatch(name)) == matches


@given(patterns, names)
def test_a_set_agrees_with_the_definition_of_its_patterns(pattern: str, name: str) -> None:
    def matches(wanted: list[str], given: list[str]) -> bool:
        if wanted == ["**"]:
            return len(given) >= 1
        if not wanted or not given:
            return wanted == given
        return wanted[0] in ("*", given[0]) and matches(wanted[1:], given[1:])

    assert (name in PatternSet([pattern])) == matches(pattern.split("/"), name.split("/"))


@given(st.lists(patterns, max_size=3), patterns, names)
def test_what_is_covered_has_no_name_outside(wide: list[str], narrow: str, name: str) -> None:
    """Capabilities rest on this: a subscription that is covered must never see a name that was not granted."""
    granted = PatternSet(wide)
    if granted.covers(narrow) and name in PatternSet([narrow]):
        assert name in granted


@given(patterns)
def test_every_pattern_covers_itself_and_everything_covers_all(pattern: str) -> None:
    assert PatternSet([pattern]).covers(pattern)
    assert PatternSet(["**"]).covers(pattern)
    assert not PatternSet([]).covers(pattern)


def test_labels_are_single_elements() -> None:
    assert check_element("main-meter") == "main-meter"
    with pytest.raises(ValueError, match="holds '/'"):
        check_element("main/meter")
