"""TLS after IEC 62351-3 from secrets: contexts, handshakes that hold up nobody, checks of the other side, renewal.

::

    handshakes = await Handshakes.of(self.hub, self.config, EVENTS, self.refused)  # None: no TLS wanted
    make = lambda: handshakes.protocol(Connection, self.admits) if handshakes else Connection()
    server = await loop.create_server(make, host, port)
    ...
    await handshakes.end()

The settings of the service inherit :class:`TlsServer` (or :class:`TlsClient`), its event types are among
:func:`tls_events`. Versions 1.2 and 1.3 with forward secrecy; the other side is checked against authorities, pinned
certificates and revocation lists. Private keys reach no disk. When a secret is set again new handshakes use it within
seconds, and connections made before stay.
"""

from meterhub_sdk.tls.handshakes import Handshakes, connect, peer_subject
from meterhub_sdk.tls.renewal import TlsEvents, TlsIdentity, TlsStatus, tls_events
from meterhub_sdk.tls.settings import Fingerprint, TlsClient, TlsServer, TlsVersion

__all__ = [
    "Fingerprint",
    "Handshakes",
    "TlsClient",
    "TlsEvents",
    "TlsIdentity",
    "TlsServer",
    "TlsStatus",
    "TlsVersion",
    "connect",
    "peer_subject",
    "tls_events",
]
