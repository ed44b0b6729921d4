"""Certificates made in memory, and bundles of authorities."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import VerificationError

from tests.support.trust import verify
from zenflow.runtime import certificates

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "webhook.zen-flow-system.svc"


def test_an_authority_vouches_for_its_certificate_under_each_of_its_names() -> None:
    """A Service's name, a host and an address; and for no other name."""
    identity = certificates.issue("pod-1:9443", (NAME, "example.com", "127.0.0.1"), NOW, DAY)
    for name in (NAME, "example.com", "127.0.0.1"):
        verify(identity.certificate, identity.authority, name, NOW)
    with pytest.raises(VerificationError):
        verify(identity.certificate, identity.authority, "other.svc", NOW)


@pytest.mark.parametrize(
    "moment", [NOW - timedelta(minutes=6), NOW + DAY + timedelta(seconds=1)], ids=["early", "late"]
)
def test_both_are_valid_for_the_lifetime_and_a_little_before(moment: datetime) -> None:
    """Clocks disagree by minutes, not by more."""
    identity = certificates.issue("pod-1", (NAME,), NOW, DAY)
    verify(identity.certificate, identity.authority, NAME, NOW - timedelta(minutes=4))
    verify(identity.certificate, identity.authority, NAME, NOW + DAY)
    with pytest.raises(VerificationError):
        verify(identity.certificate, identity.authority, NAME, moment)


def test_an_authority_vouches_for_no_certificate_of_another() -> None:
    """Though it has the same owner."""
    one, other = (certificates.issue("pod-1", (NAME,), NOW, DAY) for _ in range(2))
    with pytest.raises(VerificationError):
        verify(one.certificate, other.authority, NAME, NOW)


def test_a_bundle_keeps_others_and_loses_the_expired_and_our_earlier_ones() -> None:
    """Merging twice is merging once."""
    other = certificates.issue("pod-2", (NAME,), NOW, DAY)
    earlier = certificates.issue("pod-1", (NAME,), NOW, DAY)
    expired = certificates.issue("pod-3", (NAME,), NOW - 2 * DAY, DAY)
    current, coming = (certificates.issue("pod-1", (NAME,), NOW, DAY) for _ in range(2))
    bundle = expired.authority + other.authority + earlier.authority
    merged = certificates.merge(bundle, [current, coming], "pod-1", NOW)
    assert merged == other.authority + current.authority + coming.authority
    assert certificates.merge(merged, [current, coming], "pod-1", NOW) == merged


@pytest.mark.parametrize("bundle", [b"", b"\n", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_bundle_becomes_one(bundle: bytes) -> None:
    """The API server could not have used it either."""
    identity = certificates.issue("pod-1", (NAME,), NOW, DAY)
    assert certificates.merge(bundle, [identity], "pod-1", NOW) == identity.authority


def test_the_name_of_an_owner_is_cut_where_names_are_alike() -> None:
    """Pods of one Deployment differ at their ends."""
    ends = {certificates.common_name("zen-flow-controller-" * 5 + end) for end in ("abcde:9443", "fghij:9443")}
    assert len(ends) == 2


def test_an_authority_may_sign_certificates_and_its_certificate_may_not() -> None:
    """What serves is no authority."""
    identity = certificates.issue("pod-1", (NAME,), NOW, DAY)
    for pem, is_authority in ((identity.authority, True), (identity.certificate, False)):
        found = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.BasicConstraints)
        assert found.value.ca is is_authority
