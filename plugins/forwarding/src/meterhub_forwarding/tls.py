"""TLS contexts from secrets; a private key is never written to a disk."""

from __future__ import annotations

import os
import ssl

from meterhub_sdk import ConfigError, Hub

from meterhub_forwarding.settings import TcpConnect, TcpListen


async def server_context(hub: Hub, end: TcpListen) -> ssl.SSLContext | None:
    """The context of a listening port; ``ConfigError`` when a secret is missing or is no PEM."""
    if end.tls_certificate is None or end.tls_key is None:
        return None
    certificate, key = await hub.secret(end.tls_certificate), await hub.secret(end.tls_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # OpenSSL reads keys from named files only: an anonymous one in memory has a name below /proc/self/fd.
    descriptor = os.memfd_create("tls")
    try:
        with os.fdopen(os.dup(descriptor), "w") as file:
            file.write(f"{certificate}\n{key}\n")
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"the secrets {end.tls_certificate} and {end.tls_key} are no certificate chain with its key as PEM: "
            f"{error.strerror or error}"
        ) from error
    finally:
        os.close(descriptor)
    return context


async def client_context(hub: Hub, end: TcpConnect) -> ssl.SSLContext | None:
    """The context of a connection to another machine; ``ConfigError`` when the authority is no PEM."""
    if not end.tls:
        return None
    authority = await hub.secret(end.tls_authority) if end.tls_authority is not None else None
    try:
        return ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"the secret {end.tls_authority} is no certificate as PEM: {error}") from error
