"""The certificate of the HTTPS listeners: uploaded, asked for on the box, or made by the box itself.

One file holds each certificate chain with its key, so that both change at once or not at all.
"""

from meterhub_http.certificates.models import (
    CertificateStatus,
    RequestArguments,
    RequestResult,
    SignedArguments,
    UploadArguments,
)
from meterhub_http.certificates.names import Names
from meterhub_http.certificates.room import Certificates

__all__ = [
    "CertificateStatus",
    "Certificates",
    "Names",
    "RequestArguments",
    "RequestResult",
    "SignedArguments",
    "UploadArguments",
]
