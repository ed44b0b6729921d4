"""What names, keys and values may look like."""

import pytest

from zenflow.local.apiserver.errors import name_formats


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("a", True),
        ("a-1", True),
        ("1a", True),
        ("", False),
        ("A", False),
        ("-a", False),
        ("a.b", False),
        ("a" * 64, False),
    ],
)
def test_labels(value: str, fits: bool) -> None:
    """RFC 1123 labels."""
    assert (not name_formats.dns_label(value)) is fits


@pytest.mark.parametrize(
    ("value", "fits"), [("a.b-c", True), ("a..b", False), ("a_b", False), ("a" * 253, True), ("a" * 254, False)]
)
def test_subdomains(value: str, fits: bool) -> None:
    """RFC 1123 subdomains."""
    assert (not name_formats.dns_subdomain(value)) is fits


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("app", True),
        ("example.io/app", True),
        ("example.io/a_b.C", True),
        ("a/b/c", False),
        ("/app", False),
        ("app/", False),
        ("Example/app", False),
        ("a b", False),
        ("a" * 64, False),
    ],
)
def test_label_keys(value: str, fits: bool) -> None:
    """An optional DNS prefix and a name of at most 63 characters."""
    assert (not name_formats.label_key(value)) is fits


@pytest.mark.parametrize(("value", "fits"), [("", True), ("A_b.c-9", True), ("-a", False), ("a" * 64, False)])
def test_label_values(value: str, fits: bool) -> None:
    """Label values may be empty."""
    assert (not name_formats.label_value(value)) is fits


@pytest.mark.parametrize(
    ("value", "fits"), [("a.conf", True), ("_A-1", True), (".", False), ("..", False), ("..a", False), ("a/b", False)]
)
def test_config_keys(value: str, fits: bool) -> None:
    """Keys of ConfigMaps are file names."""
    assert (not name_formats.config_key(value)) is fits


def test_a_generated_name_may_end_in_a_dash() -> None:
    """Only the finished name must not."""
    rule = name_formats.without_suffix(name_formats.dns_subdomain)
    assert not rule("build-")
    assert rule("build_")
