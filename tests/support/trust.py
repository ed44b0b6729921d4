"""Verify certificates as a strict client does, at any time of a virtual clock."""

import ipaddress
from datetime import datetime

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store


def verify(certificate: bytes, bundle: bytes, name: str, now: datetime) -> None:
    """Raises VerificationError where a client that trusts the bundle (PEM) would refuse a server of that name."""
    try:
        subject: x509.IPAddress | x509.DNSName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = x509.DNSName(name)
    store = Store(x509.load_pem_x509_certificates(bundle))
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(subject)
    verifier.verify(x509.load_pem_x509_certificate(certificate), [])
