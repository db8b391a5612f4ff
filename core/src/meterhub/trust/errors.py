"""Why a plugin is not loaded, and what to do about it.

::

    TrustError
    ├── Unsigned    there is no signature
    ├── Untrusted   a key signed it that nobody here trusts, or not for this name
    ├── Invalid     the signature or what it says is not sound
    ├── Modified    files are not as they were signed
    ├── Revoked     the key or this release was withdrawn
    ├── Expired     it was signed when the key was not valid
    └── TooNew      it needs another release of Meterhub

    TrustStoreError the trust store cannot be read, or turned a change down
"""

from __future__ import annotations

from typing import ClassVar


class TrustError(Exception):
    """A plugin was turned down; nothing of it ran.

    ``distribution`` is the name it goes by, ``sentence`` says what is wrong, ``remedy`` what to do next.
    """

    remedy: ClassVar[str]

    def __init__(self, distribution: str, sentence: str) -> None:
        self.distribution = distribution
        self.sentence = sentence
        super().__init__(f"{distribution}: {sentence}; {self.remedy}")


class Unsigned(TrustError):
    """There is no signature."""

    remedy = "install a signed wheel, or sign a checkout of your own with `meterhub plugin dev`"


class Untrusted(TrustError):
    """A key signed it that nobody here trusts, or that is not trusted for this name."""

    remedy = "trust the publisher's key for this name if you know whose it is, or install a release of its publisher"


class Invalid(TrustError):
    """The signature, or what it says, is not sound."""

    remedy = "get the wheel from its publisher again"


class Modified(TrustError):
    """Files are not as they were signed."""

    remedy = "install the plugin again, or sign a checkout of your own again with `meterhub plugin dev`"


class Revoked(TrustError):
    """The key, or this release, was withdrawn."""

    remedy = "install a newer release from its publisher"


class Expired(TrustError):
    """It was signed when the key was not valid; how late it is now does not matter."""

    remedy = "ask its publisher for a release signed with a valid key"


class TooNew(TrustError):
    """It needs another release of Meterhub than this one."""

    remedy = "install releases of Meterhub and of the plugin that fit each other"


class TrustStoreError(Exception):
    """The trust store cannot be read, or turned a change down; the text is one sentence."""
