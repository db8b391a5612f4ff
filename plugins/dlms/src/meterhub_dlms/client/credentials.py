"""Who we are to a meter, and how what is said between us is protected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from meterhub_sdk import ConfigError

from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.codec import acse, hls
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.ciphering import TITLE_LENGTH, Keys, Protection, Wrapping
from meterhub_dlms.codec.counters import InvocationCounter
from meterhub_dlms.counter_store import KeyCounters
from meterhub_dlms.security import MECHANISMS, PROTECTIONS, key_of

_CONTEXTS = {
    (False, False): acse.CONTEXT_LN,
    (True, False): acse.CONTEXT_SN,
    (False, True): acse.CONTEXT_LN_CIPHERED,
    (True, True): acse.CONTEXT_SN_CIPHERED,
}


@dataclass(slots=True)
class Amnesty:
    """Whether the meter's next invocation counter is taken whatever it is: once, after somebody said so."""

    granted: bool = False


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Credentials:
    """What one association is opened with; ``ValueError`` when something that it takes is missing.

    ``title`` is our own system title (8 bytes); ``protection`` is ``None`` without ciphering; ``keys`` are the global
    ones; ``counters`` are those of the service's store.
    """

    short_names: bool = False
    mechanism: Mechanism = Mechanism.NONE
    password: bytes = b""
    protection: Protection | None = None
    general_ciphering: bool = False
    dedicated_key: bool = False
    title: bytes = b""
    keys: Keys | None = None
    counters: KeyCounters | None = None
    amnesty: Amnesty = field(default_factory=Amnesty)

    def __post_init__(self) -> None:
        if self.with_keys and (self.keys is None or self.counters is None):
            raise ValueError("ciphering and GMAC take an encryption key, an authentication key and a counter")
        if self.with_keys and len(self.title) != TITLE_LENGTH:
            raise ValueError(f"our system title has {len(self.title)} bytes; ciphering and GMAC take {TITLE_LENGTH}")
        if self.mechanism not in (Mechanism.NONE, Mechanism.GMAC) and not self.password:
            raise ValueError(f"authentication mechanism {self.mechanism.name.lower()} takes a password")
        if self.mechanism is Mechanism.MANUFACTURER:
            hls.landis_gyr(b"00000001", self.password)

    def __repr__(self) -> str:
        """Never the secrets."""
        return "Credentials(...)"

    @property
    def with_keys(self) -> bool:
        """Whether keys are used at all."""
        return self.protection is not None or self.mechanism is Mechanism.GMAC

    @property
    def keeps_received(self) -> bool:
        """Whether the meter's counters are kept: not without tags, as anybody could then lock it out for good."""
        return self.with_keys and self.protection is not None and Protection.AUTHENTICATED in self.protection

    @property
    def context(self) -> int:
        """The application context to ask for."""
        return _CONTEXTS[self.short_names, self.protection is not None]

    @property
    def calling_title(self) -> bytes:
        """The system title to tell the meter: none where nothing needs it."""
        return self.title if self.with_keys or self.mechanism is Mechanism.SHA256 else b""

    @property
    def wrapping(self) -> Wrapping:
        """How requests are protected once the association stands."""
        if self.general_ciphering:
            return Wrapping.GENERAL_DEDICATED if self.dedicated_key else Wrapping.GENERAL_GLOBAL
        return Wrapping.DEDICATED if self.dedicated_key else Wrapping.GLOBAL

    @property
    def counter(self) -> InvocationCounter | None:
        """Our invocation counter, ``None`` without keys."""
        if self.keys is None or self.counters is None:
            return None
        return self.counters.sent(self.keys.encryption, self.title)


async def credentials_of(
    meter: Meter, title: bytes, secret: Callable[[str], Awaitable[str]], counters: KeyCounters
) -> Credentials:
    """The credentials that the settings of a meter name.

    ``title`` is our system title, ``secret`` finds a secret by its name. ``ConfigError`` names the secret or meter
    and what is wrong: a secret that was never set, a key that is none, a password that the mechanism cannot use.
    """
    password = b"" if meter.password is None else (await secret(meter.password)).encode()
    keys = None
    if meter.encryption_key is not None and meter.authentication_key is not None:
        encryption = key_of(meter.encryption_key, await secret(meter.encryption_key))
        authentication = key_of(meter.authentication_key, await secret(meter.authentication_key))
        keys = Keys(encryption, authentication)
    protection = PROTECTIONS[meter.security] or None
    try:
        return Credentials(
            short_names=meter.referencing == "short-names",
            mechanism=MECHANISMS[meter.authentication],
            password=password if meter.authentication != "none" else b"",
            protection=protection,
            general_ciphering=meter.general_ciphering and protection is not None,
            dedicated_key=meter.dedicated_key and protection is not None,
            title=title,
            keys=keys,
            counters=counters,
        )
    except ValueError as error:
        raise ConfigError(f"meter {meter.label!r}: {error}") from None
