"""Quantities (`500m`, `1Gi`, `1e3`): their values, and the one way in which kube-apiserver writes each.

Rules: `k8s.io/apimachinery` resource.Quantity. Values are exact; what is finer than a billionth is rounded up.
"""

import re
from fractions import Fraction
from math import ceil

_PATTERN = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+|)", re.ASCII)
_BINARY = {suffix: 2 ** (10 * power) for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_NANO = 10**9
_MAX_EXPONENT = 400
"""More than any number anybody means; a text of ten characters must not become a number of a billion digits."""


def is_quantity(text: str) -> bool:
    """Whether a text is a quantity at all."""
    return _PATTERN.fullmatch(text) is not None


def value_of(text: str) -> Fraction:
    """The value of a quantity, of which `is_quantity` holds."""
    value, _ = _parsed(text)
    return value


def canonical(text: str) -> str:
    """The same quantity as kube-apiserver writes it: `0.5` is `500m`, `1024Mi` is `1Gi`, `1000m` is `1`."""
    value, suffix = _parsed(text)
    if value == 0:
        return "0"
    if suffix in _BINARY and not -1024 < value < 1024:
        return _binary(value)
    mantissa, exponent = _decimal(value)
    if suffix[:1] in ("e", "E") and suffix != "E":
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIXES[exponent]}"


def _parsed(text: str) -> tuple[Fraction, str]:
    matched = _PATTERN.fullmatch(text)
    if matched is None:
        raise ValueError(text)
    sign, number, suffix = matched.groups()
    value = Fraction(number if not number.endswith(".") else number[:-1]) * _factor(suffix)
    # Away from zero, as the real server rounds.
    scaled = Fraction(ceil(value * _NANO), _NANO)
    return (-scaled if sign == "-" else scaled), suffix


def _factor(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(_BINARY[suffix])
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    return Fraction(10) ** max(-_MAX_EXPONENT, min(exponent, _MAX_EXPONENT))


def _binary(value: Fraction) -> str:
    whole = ceil(abs(value))
    suffix = ""
    for name in _BINARY:
        if whole % 1024:
            break
        whole, suffix = whole // 1024, name
    return f"{'-' if value < 0 else ''}{whole}{suffix}"


def _decimal(value: Fraction) -> tuple[int, int]:
    """The mantissa and the exponent, a multiple of three, with as few digits as that allows."""
    mantissa, exponent = int(value * _NANO), -9
    while exponent < 18 and mantissa % 1000 == 0:
        mantissa, exponent = mantissa // 1000, exponent + 3
    return mantissa, exponent
