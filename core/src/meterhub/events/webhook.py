"""Sending entries to a webhook: JSON lines by POST, signed on request.

Each line is one entry in the format ``full``. The receiver answers 2xx when it has them; anything
else, and silence, brings the same entries again, so it may see one twice: ``sequence`` tells.

With a secret each request carries ``X-Meterhub-Time`` (seconds since 1970 UTC) and
``X-Meterhub-Signature: sha256=<hex>``, the HMAC-SHA256 over that number, a full stop and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from meterhub.events.entry import Entry
from meterhub.events.query import render
from meterhub.events.settings import Webhook
from meterhub.events.syslog import trusting

if TYPE_CHECKING:
    import aiohttp

CONTENT_TYPE = "application/x-ndjson"


class WebhookTransport:
    """Posts batches; ``secret`` is asked for at each connection, so a new one counts after the next failure."""

    def __init__(self, webhook: Webhook, secret: Callable[[], bytes] | None = None) -> None:
        self.batch = webhook.batch
        self._url = webhook.url
        self._trusted = webhook.trusted
        self._secret = secret
        self._key: bytes | None = None
        self._session: aiohttp.ClientSession | None = None

    async def connect(self) -> None:
        """Make the HTTP client; the first request makes the connection."""
        import aiohttp  # only where a webhook is configured: it costs 27 MB

        self._key = None if self._secret is None else self._secret()
        context = trusting(self._trusted)
        # A kept connection that the server closes between two events would look like a lost server.
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector)

    async def send(self, entries: Sequence[Entry]) -> None:
        """Post one batch; ``ConnectionError`` for any answer but 2xx."""
        if self._session is None:
            raise ConnectionError("not connected")
        lines = [json.dumps(render(entry, "full"), ensure_ascii=False) for entry in entries]
        body = "".join(f"{line}\n" for line in lines).encode()
        headers = {"Content-Type": CONTENT_TYPE, **self._signed(body)}
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if not 200 <= response.status < 300:
                raise ConnectionError(f"the server answered with HTTP status {response.status}")

    def check(self) -> None:
        """Each request finds out for itself."""

    async def close(self) -> None:
        """Let go of the HTTP client."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _signed(self, body: bytes) -> dict[str, str]:
        if self._key is None:
            return {}
        stamp = str(int(time.time()))
        signature = hmac.new(self._key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"X-Meterhub-Time": stamp, "X-Meterhub-Signature": f"sha256={signature}"}
