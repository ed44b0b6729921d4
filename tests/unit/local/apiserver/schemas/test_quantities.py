"""Quantities, as kube-apiserver writes them."""

from fractions import Fraction

import pytest

from zenflow.local.apiserver.schemas.quantities import canonical, is_quantity, value_of


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.0001", "100u"),
        ("1e3", "1e3"),
        ("1500e3", "1500e3"),
        ("100M", "100M"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("-1", "-1"),
        ("0Mi", "0"),
        ("1.", "1"),
        (".5", "500m"),
    ],
)
def test_each_amount_is_written_in_one_way(given: str, written: str) -> None:
    """So that equal amounts are equal texts."""
    assert canonical(given) == written
    assert value_of(given) == value_of(written)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "1e", "--1", "1_000", "1.2.3", "٣"])
def test_other_texts_are_none(text: str) -> None:
    """No signs of other alphabets, no spaces."""
    assert not is_quantity(text)


def test_a_huge_exponent_is_bounded() -> None:
    """A short text makes no number of a billion digits."""
    assert value_of("1e999999999") == Fraction(10) ** 400
