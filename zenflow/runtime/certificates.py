"""Certificates made in memory, and bundles of the authorities that vouch for them. Pure but for randomness; no I/O
beyond the moment in which the ssl module reads a key.
"""

import ssl
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLOCKS_DISAGREE = timedelta(minutes=5)
# RFC 5280 gives a common name no more.
_MAX_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """A serving certificate and the authority that vouches for it; PEM."""

    names: frozenset[str]
    authority: bytes
    certificate: bytes
    private_key: bytes
    made_at: datetime
    expires_at: datetime

    def context(self) -> ssl.SSLContext:
        """For a server."""
        return server_context(self.certificate + self.private_key)


def issue(owner: str, names: Iterable[str], now: datetime, lifetime: timedelta) -> Identity:
    """A new authority of this owner and a certificate by it, both valid for as long.

    The authority's key is forgotten once it has signed: who trusts it trusts this one certificate.
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, served = common_name(owner), frozenset(names)
    authority = _builder(issuer, issuer, authority_key, authority_key, (now, lifetime), is_authority=True)
    signed = _builder(_name("zenflow webhook"), issuer, key, authority_key, (now, lifetime), names=served)
    return Identity(
        names=served,
        authority=authority.sign(authority_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        certificate=signed.sign(authority_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        private_key=_private(key),
        made_at=now,
        expires_at=now + lifetime,
    )


def self_signed(owner: str, names: Iterable[str], now: datetime, lifetime: timedelta) -> tuple[bytes, bytes]:
    """A certificate that is its own authority, and its private key; PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), common_name(owner)
    builder = _builder(name, name, key, key, (now, lifetime), names=names, is_authority=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), _private(key)


def merge(bundle: bytes, ours: Sequence[Identity], owner: str, now: datetime) -> bytes:
    """The bundle with the authorities of our identities in it, and without what vouches for nothing any more.

    Those that have expired go, and those of this owner that are not among ours: an earlier process's. Others stay, in
    their order; what is no certificate is dropped.
    """
    wanted = [x509.load_pem_x509_certificate(identity.authority) for identity in ours]
    kept = [
        found
        for found in _certificates(bundle)
        if found.not_valid_after_utc > now and (found.subject != common_name(owner) or found in wanted)
    ]
    merged = [*kept, *(authority for authority in wanted if authority not in kept)]
    return b"".join(each.public_bytes(Encoding.PEM) for each in merged)


def server_context(pem: bytes) -> ssl.SSLContext:
    """A server's TLS context, from its certificate and private key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The ssl module takes keys from files only; this one is readable by its owner alone, and for a moment.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_bytes(pem)
        context.load_cert_chain(file)
    return context


def common_name(owner: str) -> x509.Name:
    """Its end where it is too long: names of Pods differ there."""
    return _name(owner[-_MAX_COMMON_NAME:])


def _certificates(bundle: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(bundle) if bundle.strip() else []
    except ValueError:
        return []


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(  # noqa: PLR0913 - the parts of a certificate
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, timedelta],
    *,
    names: Iterable[str] = (),
    is_authority: bool = False,
) -> x509.CertificateBuilder:
    """Strict verifiers want both key identifiers."""
    since, lifetime = valid
    identifier = x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since - CLOCKS_DISAGREE)
        .not_valid_after(since + lifetime)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(_key_usage(signs=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    alternatives = [_general_name(name) for name in sorted(names)]
    if not alternatives:
        return builder
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
