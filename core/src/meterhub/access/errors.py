"""What this room raises: one sentence for the person who asked."""

from __future__ import annotations

from meterhub_sdk import Forbidden, Refused, SecondFactorNeeded
from meterhub_sdk import NotLoggedIn as LoginMissing

SHOWN = 64


class AccessRefused(Refused):
    """A login, a change of users or rights, or a request without the right to it was turned down."""


class PasswordRefused(AccessRefused):
    """A password may not become that of its user."""


class RightMissing(AccessRefused, Forbidden):
    """Whoever asked does not have the right to it."""


class NotLoggedIn(AccessRefused, LoginMissing):
    """The request carried no session or API token, or one that has ended."""


class CodeNeeded(AccessRefused, SecondFactorNeeded):
    """The password is right, and the user's second factor is needed besides."""


def clean(text: str) -> str:
    """What came from outside, fit to be logged: short, without control characters."""
    printable = "".join(character if character.isprintable() else "�" for character in text[:SHOWN])
    return printable + "…" if len(text) > SHOWN else printable


def shown(text: str) -> str:
    """What a person typed, fit to stand in a sentence: :func:`clean`, and quoted."""
    return f"'{clean(text)}'"
