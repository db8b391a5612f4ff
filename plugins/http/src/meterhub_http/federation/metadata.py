"""What an identity provider says of itself (OpenID Connect Discovery 1.0), and its keys."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

import aiohttp
import msgspec
from meterhub_sdk import Hub, MeterhubError

from meterhub_http.federation.settings import IdentityProvider, sound

SECONDS = 10.0
"""For each request to the identity provider."""
LIMIT = 256 * 1024
"""Octets of an answer."""
FRESH = 10.0
"""Seconds for which its metadata hold: nobody shall be sent to a provider that does not answer any more."""
KEYS_FRESH = 3600.0
AGAIN = 60.0
"""Seconds between two looks for a key that is not known."""


class ProviderFailed(MeterhubError):
    """The identity provider could not be asked, or gave an answer that does not hold."""


class ProviderSilent(ProviderFailed):
    """The identity provider does not answer."""


class Metadata(msgspec.Struct, frozen=True):
    """As far as it is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Directory:
    """Fetches metadata and keys when they are needed, and everything else that is asked of the provider."""

    def __init__(self, hub: Hub, settings: IdentityProvider) -> None:
        self._hub = hub
        self._settings = settings
        self._client: aiohttp.ClientSession | None = None
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None
        self._turn = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """:class:`ProviderFailed` unless they are those of the issuer in the settings."""
        async with self._turn:
            if self._metadata is None or time.monotonic() - self._metadata[0] >= FRESH:
                address = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
                self._metadata = time.monotonic(), self._checked(await self.ask("GET", address))
            return self._metadata[1]

    async def keys(self, *, unknown: bool = False) -> dict[str, Any]:
        """The provider's JSON Web Key Set; fetched again, once a minute at most, when a key was ``unknown``."""
        address = (await self.metadata()).jwks_uri
        async with self._turn:
            if self._keys is None or time.monotonic() - self._keys[0] >= (AGAIN if unknown else KEYS_FRESH):
                self._keys = time.monotonic(), await self.ask("GET", address)
            return self._keys[1]

    async def ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """The JSON object that the provider answers, with whatever status."""
        if self._client is None:
            self._client = await self._connected()
        try:
            async with self._client.request(method, url, allow_redirects=False, **options) as answer:
                found = msgspec.json.decode(await _bounded(answer))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderSilent(f"it does not answer at {url}: {error or type(error).__name__}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProviderFailed(f"its answer at {url} is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise ProviderFailed(f"its answer at {url} is no JSON object")
        return found

    async def close(self) -> None:
        """End the connections."""
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> aiohttp.ClientSession:
        authorities = self._settings.authorities
        try:
            context = ssl.create_default_context(cadata=await self._hub.secret(authorities) if authorities else None)
        except (ssl.SSLError, ValueError) as error:
            raise ProviderFailed(f"the secret {authorities} holds no certificates: {error}") from error
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=8),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _checked(self, answer: dict[str, Any]) -> Metadata:
        try:
            found = msgspec.convert(answer, Metadata)
        except msgspec.ValidationError as error:
            raise ProviderFailed(f"what it says of itself is incomplete: {error}") from error
        if found.issuer != self._settings.issuer:
            raise ProviderFailed(f"it names itself {found.issuer[:100]!r}, which is not the issuer in the settings")
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not sound(address):
                raise ProviderFailed(f"it sends people to {address[:100]!r}, which has no https")
        return found


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    octets = bytearray()
    async for piece in answer.content.iter_chunked(16_384):
        octets += piece
        if len(octets) > LIMIT:
            raise ProviderFailed(f"its answer has over {LIMIT} octets")
    return bytes(octets)
