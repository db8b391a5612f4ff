"""The service ``http``: listeners, and how they are doing."""

from __future__ import annotations

from aiohttp import web
from meterhub_sdk import Feature, Hub, Refused, Service, command, together
from pydantic import BaseModel, Field

from meterhub_http.application import application
from meterhub_http.certificates import (
    Certificates,
    CertificateStatus,
    Names,
    RequestArguments,
    RequestResult,
    SignedArguments,
    UploadArguments,
)
from meterhub_http.limits import Connections
from meterhub_http.listening import Listeners
from meterhub_http.settings import HttpConfig
from meterhub_http.traffic import Traffic
from meterhub_http.turned_away import TurnedAway

SHUTDOWN = 2.0
"""Seconds that running answers have to finish."""
_MAY = "R5 R6"


class HttpStatus(BaseModel):
    """How the http service is doing."""

    listening: list[str] = Field(title="Listening on")
    not_listening: list[str] = Field(title="Not listening on", description="And why; it is tried again and again.")
    connections: int = Field(title="Connections", description="Now.")
    requests: int = Field(title="Requests", description="Since the service started.")
    turned_away: int = Field(title="Requests turned away", description="For their address, name, origin or number.")
    connections_turned_away: int = Field(title="Connections turned away", description="One address had too many.")
    handshakes_failed: int = Field(title="Failed TLS handshakes", description="Since the service started.")
    last_handshake_failure: str = Field(title="Last failed TLS handshake")
    certificate: CertificateStatus | None = Field(title="HTTPS certificate", description="None without HTTPS.")


class Http(Service[HttpConfig]):
    """HTTP and REST: the web interface and the programs of others reach the tree of paths here."""

    name = "http"
    title = "HTTP and REST"
    menu = "Communication"
    single = True
    feature = Feature("http", "HTTP and REST", built_in=True)
    status_type = HttpStatus

    def __init__(self, hub: Hub, config: HttpConfig) -> None:
        super().__init__(hub, config)
        self._traffic = Traffic()
        self._connections = Connections(config.connections)
        self._turned_away = TurnedAway(hub)
        self._certificates: Certificates | None = None
        self._listeners: Listeners | None = None

    async def run(self) -> None:
        """Serve until cancelled; ``NotReady`` when not even one port can be had."""
        app = application(self.hub, self.config, self._turned_away, self._traffic, self._connections)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN)
        await runner.setup()
        assert runner.server is not None
        make = self._connections.factory(runner.server)
        if self.config.https_port is not None:
            self._certificates = Certificates(self.hub, self._names)
        listeners = Listeners(self.hub, self.config, self._certificates, make, self._turned_away.report)
        try:
            await listeners.begin()
            self._listeners = listeners
            await self._look_after(listeners)
        finally:
            self._listeners = None
            await listeners.close()
            await runner.cleanup()

    def status(self) -> HttpStatus:
        """Listeners and totals."""
        listeners = self._listeners
        failures = listeners.failures.items() if listeners else ()
        return HttpStatus(
            listening=listeners.urls if listeners else [],
            not_listening=[f"{place.url}: {reason}" for place, reason in failures],
            connections=self._connections.open,
            requests=self._traffic.total,
            turned_away=self._turned_away.count,
            connections_turned_away=self._connections.turned_away,
            handshakes_failed=listeners.handshakes_failed if listeners else 0,
            last_handshake_failure=listeners.last_failure if listeners else "",
            certificate=self._certificates.status() if self._certificates else None,
        )

    @command(title="Upload a certificate", rights=_MAY)
    async def certificate_upload(self, given: UploadArguments) -> None:
        """Use a certificate chain and its private key for HTTPS from now on; nobody is disconnected."""
        await self._of_https().upload(given)

    @command(title="Request a certificate", rights=_MAY)
    async def certificate_request(self, asked: RequestArguments) -> RequestResult:
        """Make a private key that stays on the device, and a request (PKCS#10) for an authority to sign."""
        return await self._of_https().request(asked)

    @command(title="Upload a signed certificate", rights=_MAY)
    async def certificate_signed(self, given: SignedArguments) -> None:
        """Use the certificate that an authority made of the request for HTTPS from now on."""
        await self._of_https().signed(given)

    @command(title="Remove the certificate", rights=_MAY)
    async def certificate_remove(self) -> None:
        """Forget the uploaded certificate and its key, and use one that the device makes itself."""
        await self._of_https().remove()

    def _of_https(self) -> Certificates:
        if self._certificates is None:
            raise Refused("HTTPS is off, so there is no certificate; give an HTTPS port in the settings first")
        return self._certificates

    def _names(self) -> Names:
        return Names.of_machine(self.config.addresses, self.config.host_names)

    async def _look_after(self, listeners: Listeners) -> None:
        """Until cancelled: addresses that come back, and the certificate's dates."""
        dates = [] if self._certificates is None else [self._certificates.watch()]
        await together(listeners.retry(), *dates)
