"""The identity provider as its client sees it: where to send people, and who they are when they come back.

OpenID Connect Core 1.0, 3.1: authorization code flow, with PKCE (RFC 7636, S256), state and nonce; the identity token
is verified by the provider's own keys and counts for nothing else than to name a user and his groups.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]  # authlib has no types
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]  # neither here
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # nor here
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from meterhub_sdk import Hub

from meterhub_http.federation.metadata import Directory, Metadata, ProviderFailed
from meterhub_http.federation.pending import Pending
from meterhub_http.federation.settings import IdentityProvider

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "Ed25519"]
"""Signatures that are taken: none by a shared secret, and never none at all."""
LEEWAY = 60
"""Seconds that the two clocks may differ."""
_KINDS = ("RSA", "EC", "OKP")
_LONGEST_GROUP = 200
_MOST_GROUPS = 2000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is by the word of the identity provider."""

    issuer: str
    subject: str
    name: str
    roles: list[str]


class Provider:
    """One identity provider; what goes wrong with it raises :class:`ProviderFailed` with the reason."""

    def __init__(self, hub: Hub, settings: IdentityProvider) -> None:
        self._hub = hub
        self._settings = settings
        self._directory = Directory(hub, settings)

    async def address(self, state: str, pending: Pending) -> str:
        """Where to send the browser."""
        metadata = await self._directory.metadata()
        address: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._settings.client_id,
            "code",
            redirect_uri=pending.redirect_uri,
            scope=" ".join(self._settings.scopes),
            state=state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return address

    async def identity(self, came: Mapping[str, str], pending: Pending) -> Identity:
        """Who came back with these parameters in the address."""
        metadata = await self._directory.metadata()
        issuer = came.get("iss")
        if issuer != metadata.issuer and (issuer or metadata.authorization_response_iss_parameter_supported):
            raise ProviderFailed("another provider than the one in the settings sent the browser back (RFC 9207)")
        if "code" not in came:
            raise ProviderFailed(f"it refused: {came.get('error', 'no reason')[:60]!r}")
        answer = await self._redeemed(metadata, came["code"], pending)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderFailed(f"it gave no identity token: {str(answer.get('error', 'no reason'))[:60]!r}")
        return self._named(await self._claims(token, pending.nonce), metadata.issuer)

    async def close(self) -> None:
        """End the connections."""
        await self._directory.close()

    async def _redeemed(self, metadata: Metadata, code: str, pending: Pending) -> dict[str, Any]:
        """The answer of the token endpoint to a code (RFC 6749, 4.1.3)."""
        client, name = self._settings.client_id, self._settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers = {"Accept": "application/json"}
        if name is None:
            form["client_id"] = client
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(client)}:{quote_plus(await self._hub.secret(name))}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client, "client_secret": await self._hub.secret(name)}
        return await self._directory.ask("POST", metadata.token_endpoint, data=form, headers=headers)

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an identity token that holds (OpenID Connect Core 1.0, 3.1.3.7)."""
        decoded = await self._decoded(token)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": self._settings.issuer},
                "sub": {"essential": True},
                "aud": {"essential": True, "value": self._settings.client_id},
                "exp": {"essential": True},
                "iat": {"essential": True},
            },
            {"nonce": nonce, "client_id": self._settings.client_id},
        )
        try:
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise ProviderFailed(f"the identity token does not hold: {error}") from error
        if not secrets.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise ProviderFailed("the identity token is of another login")
        return dict(claims)

    async def _decoded(self, token: str) -> jwt.Token:
        """The token with its signature verified; for a key that is not known the keys are fetched again."""
        for unknown in (False, True):
            keys = await self._directory.keys(unknown=unknown)
            try:
                return jwt.decode(token, _key_set(keys), algorithms=ALGORITHMS)
            except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
                problem = error
        raise ProviderFailed(f"the identity token cannot be verified: {problem}") from problem

    def _named(self, claims: dict[str, Any], issuer: str) -> Identity:
        name, subject = claims.get(self._settings.name_claim), claims.get("sub")
        if not isinstance(name, str) or not isinstance(subject, str) or not name:
            raise ProviderFailed(f"the identity token has no {self._settings.name_claim}, which is to be the name")
        given = claims.get(self._settings.groups_claim, [])
        listed = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        groups = {group for group in listed[:_MOST_GROUPS] if isinstance(group, str) and len(group) <= _LONGEST_GROUP}
        roles = {role for row in self._settings.groups if row.group in groups for role in row.roles}
        return Identity(issuer, subject, name, sorted(roles))


def _key_set(keys: dict[str, Any]) -> KeySet:
    """The keys for signatures; others, and kinds that nobody knows yet, must not spoil them."""
    listed = keys.get("keys")
    usable = []
    for key in listed if isinstance(listed, list) else []:
        if isinstance(key, dict) and key.get("kty") in _KINDS and key.get("use", "sig") == "sig":
            with contextlib.suppress(JoseError, ValueError, TypeError, KeyError):
                usable.append(JWKRegistry.import_key(key))
    return KeySet(usable)
