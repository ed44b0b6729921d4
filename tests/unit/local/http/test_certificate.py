"""The certificate of a served embedded cluster."""

import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509

from zenflow.local.http import certificate
from zenflow.runtime.clock import SystemClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Let both sides talk to each other in memory. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (asking, answering, asking, answering):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_clients_that_trust_it_alone_accept_each_loopback_name() -> None:
    """By the names a kubeconfig may have in its server's URL."""
    pem, server = certificate.generate(SystemClock().now())  # OpenSSL compares with the machine's clock
    client = ssl.create_default_context(cadata=pem)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in certificate.NAMES:
        handshake(client, server, name)


def test_each_server_has_a_certificate_of_its_own() -> None:
    """A kubeconfig of an earlier run is not accepted by a later one, nor the other way round."""
    assert certificate.generate(NOW)[0] != certificate.generate(NOW)[0]


def test_it_is_valid_for_clients_whose_clock_is_a_little_late() -> None:
    """And for a year."""
    made = x509.load_pem_x509_certificate(certificate.generate(NOW)[0].encode())
    assert made.not_valid_before_utc < NOW - timedelta(minutes=1)
    assert made.not_valid_after_utc > NOW + timedelta(days=300)
