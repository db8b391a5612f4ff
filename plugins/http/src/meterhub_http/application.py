"""The application: what is reached at which address, behind the guard."""

from __future__ import annotations

import contextlib

from aiohttp import web
from meterhub_sdk import Hub, NotLoggedIn
from meterhub_sdk.admission import AllowList

from meterhub_http.assets import Assets
from meterhub_http.downloads import DownloadRoutes
from meterhub_http.exchange import BODY_LIMIT, Exchange
from meterhub_http.failures import answer
from meterhub_http.federation import IdentityProvider
from meterhub_http.guarding import Guard, secure
from meterhub_http.limits import Connections
from meterhub_http.metrics import MetricsRoutes
from meterhub_http.oauth import OAuthRoutes
from meterhub_http.openapi import OpenApiRoutes
from meterhub_http.redirect import to_https
from meterhub_http.session import SessionRoutes
from meterhub_http.settings import HttpConfig
from meterhub_http.stream import Streams
from meterhub_http.traffic import Traffic
from meterhub_http.tree import TreeRoutes
from meterhub_http.turned_away import TurnedAway
from meterhub_http.uploads import UploadRoutes


def application(
    hub: Hub, config: HttpConfig, turned_away: TurnedAway, traffic: Traffic, connections: Connections
) -> web.Application:
    """Everything that is served, for one listener or more."""
    guard = Guard(AllowList(config.allowed), config.host_names, config.rate, turned_away.report, traffic)
    middlewares = [guard.middleware()]
    if config.https_port is not None and config.http_mode == "redirect":
        middlewares.append(to_https(config.https_port))
    app = web.Application(middlewares=middlewares, client_max_size=BODY_LIMIT)
    app.on_response_prepare.append(secure)
    exchange = Exchange(hub)
    streams = Streams(exchange)
    gauges = {"connections": lambda: connections.open, "streams": lambda: streams.open}

    async def health(_: web.Request) -> web.Response:
        """Whether the core answers; tells nothing else, as nobody is logged in."""
        with contextlib.suppress(NotLoggedIn):  # the core said so
            await hub.interface.request("get", "/session", background=True)
        return answer({"status": "ok"})

    app.router.add_get("/healthz", health)
    provider = config.identity_provider
    SessionRoutes(exchange, provider.label if provider else None).enter(app)
    if provider is not None:
        _enter_provider(app, hub, exchange, provider, turned_away)
    TreeRoutes(exchange).enter(app)
    streams.enter(app)
    OpenApiRoutes(exchange).enter(app)
    OAuthRoutes(exchange).enter(app)
    UploadRoutes(exchange).enter(app)
    DownloadRoutes(exchange).enter(app)
    MetricsRoutes(exchange, traffic, gauges).enter(app)
    Assets(hub, exchange).enter(app)
    return app


def _enter_provider(
    app: web.Application, hub: Hub, exchange: Exchange, settings: IdentityProvider, turned_away: TurnedAway
) -> None:
    # Only here: the libraries behind it take longer to load than all the rest.
    from meterhub_http.federation.provider import Provider
    from meterhub_http.federation.routes import ProviderRoutes

    ProviderRoutes(exchange, Provider(hub, settings), turned_away.login_failed).enter(app)
