"""A certificate for the embedded API server, made when it starts and gone when it stops.

Why TLS on loopback: client-go sends no credentials over plain HTTP, and a client that trusts only this certificate
never hands its token to a program that took the port after us.
"""

import ssl
from datetime import datetime, timedelta

from zenflow.runtime import certificates

NAMES = ("localhost", "127.0.0.1", "::1")
_VALID = timedelta(days=365)


def generate(now: datetime) -> tuple[str, ssl.SSLContext]:
    """A self-signed certificate (PEM, to be trusted by clients) and a server's TLS context that has its key."""
    certificate, key = certificates.self_signed("zenflow-local", NAMES, now, _VALID)
    return certificate.decode(), certificates.server_context(certificate + key)
