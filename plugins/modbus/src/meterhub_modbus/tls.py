"""Modbus/TCP Security: TLS around Modbus TCP (MODBUS/TCP Security Protocol Specification 2.1, chapter 6)."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable

from meterhub_sdk import ConfigError, Hub

from meterhub_modbus.settings import ModbusServerConfig

HANDSHAKE_TIMEOUT = 10.0
"""Seconds that a client has for its handshake."""
_HANDSHAKES = 50
"""At the same time; of more the oldest is dropped, so that clients who hang there keep nobody out."""
_SHUTDOWN_TIMEOUT = 2.0


async def server_context(hub: Hub, config: ModbusServerConfig) -> ssl.SSLContext | None:
    """The server's context, ``None`` without TLS; ``ConfigError`` when a secret is missing or holds no PEM."""
    if config.tls_certificate is None or config.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    chain = "\n".join([await hub.secret(name) for name in (config.tls_certificate, config.tls_key)])
    try:
        _load(context, chain.encode())
    except OSError as error:
        raise ConfigError(
            f"the secrets {config.tls_certificate} and {config.tls_key} must hold a certificate chain and its private "
            f"key as PEM: {error.strerror or error}"
        ) from None
    if config.tls_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cadata=await hub.secret(config.tls_authority))
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"the secret {config.tls_authority} holds no certificate as PEM: {error}") from None
    return context


def _load(context: ssl.SSLContext, chain: bytes) -> None:
    """Load chain and key from memory: OpenSSL wants a name, and a private key shall not reach a disk."""
    memory = os.memfd_create("modbus-tls")
    try:
        os.write(memory, chain)
        # Without a password of its own OpenSSL would ask for one on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{memory}", password=lambda: "")
    finally:
        os.close(memory)


class Handshakes:
    """Connections that are not secured yet. ``failed`` is told who failed and why."""

    def __init__(self, context: ssl.SSLContext, failed: Callable[[str, str], None]) -> None:
        self._context = context
        self._failed = failed
        self._running: dict[asyncio.Task[None], asyncio.Transport] = {}

    def begin(self, transport: asyncio.Transport, peer: str, protocol: asyncio.Protocol) -> None:
        """Secure a new connection, then hand it to the protocol, whose ``connection_made`` gets a TLS transport.

        Its ``data_received`` may come before that.
        """
        if len(self._running) >= _HANDSHAKES:
            oldest = next(iter(self._running))
            self._running.pop(oldest).abort()
        task = asyncio.get_running_loop().create_task(self._secure(transport, peer, protocol))
        self._running[task] = transport
        task.add_done_callback(lambda done: self._running.pop(done, None))

    async def _secure(self, transport: asyncio.Transport, peer: str, protocol: asyncio.Protocol) -> None:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                protocol,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
            )
        except OSError as error:  # ssl.SSLError and time-outs among them
            transport.abort()
            self._failed(peer, f"its TLS handshake failed: {getattr(error, 'reason', '') or error}")
            return
        if secured is None or secured.is_closing():
            self._failed(peer, "its TLS handshake failed: it left")
        else:
            protocol.connection_made(secured)

    async def end(self) -> None:
        """Drop them all."""
        running = dict(self._running)
        for task, transport in running.items():
            transport.abort()
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
