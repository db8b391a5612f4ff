"""HTTP that only sends on to HTTPS."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_HTTPS = 443


def to_https(port: int) -> Middleware:
    """A middleware behind the guard: what came without encryption goes to the HTTPS port (308, method kept)."""

    @web.middleware
    async def redirect(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.secure:
            return await handler(request)
        host = urlsplit(f"//{request.host}").hostname or ""
        name = f"[{host}]" if ":" in host else host
        where = name if port == _HTTPS else f"{name}:{port}"
        return web.Response(status=308, headers={"Location": f"https://{where}{request.rel_url.raw_path_qs}"})

    return redirect
