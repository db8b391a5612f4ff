"""Login through a utility's identity provider: OpenID Connect, authorization code flow with PKCE."""

from meterhub_http.federation.settings import IdentityProvider

__all__ = ["IdentityProvider"]
