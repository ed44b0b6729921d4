"""Checks that the rules of several kinds are made of. Each returns what is wrong; nothing means fine.

`owner` is the object with the field, `at` the owner's path. Absent and empty mean the same, as to Go.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import label_key, label_value
from zenflow.runtime.errors import Cause

Fields = Mapping[str, Any]

MAX_INT32 = 2**31 - 1
_MODE_WRONG = "must be a number between 0 and 0777 (octal), both inclusive"
_PORT_CHARACTERS = re.compile(r"[-a-z0-9]+")


def named(value: str, rule: Callable[[str], list[str]], at: str) -> list[Cause]:
    """A value that must follow a rule for names."""
    return [field_errors.invalid(at, value, wrong) for wrong in rule(value)]


def required_name(owner: Fields, name: str, rule: Callable[[str], list[str]], at: str) -> list[Cause]:
    """A name that must be there and follow its rule."""
    if not owner.get(name):
        return [field_errors.required(f"{at}.{name}")]
    return named(owner[name], rule, f"{at}.{name}")


def required(owner: Fields, names: Iterable[str], at: str) -> list[Cause]:
    """Fields that must be given."""
    return [field_errors.required(f"{at}.{name}") for name in names if not owner.get(name)]


def non_negative(owner: Fields, names: Iterable[str], at: str) -> list[Cause]:
    """Numbers of zero or more, where they are given."""
    return [
        field_errors.invalid(f"{at}.{name}", owner[name], "must be greater than or equal to 0")
        for name in names
        if owner.get(name) is not None and owner[name] < 0
    ]


def one_of(owner: Fields, name: str, choices: Sequence[str], at: str) -> list[Cause]:
    """A value of an enumeration that must be given."""
    if not owner.get(name):
        return [field_errors.required(f"{at}.{name}")]
    return given_one_of(owner, name, choices, at)


def given_one_of(owner: Fields, name: str, choices: Sequence[str], at: str) -> list[Cause]:
    """A value of an enumeration, if it is given at all. Choices are told in the order given."""
    value = owner.get(name)
    if value is None or value in choices:
        return []
    return [field_errors.unsupported(f"{at}.{name}", value, choices)]


def file_mode(owner: Fields, name: str, at: str) -> list[Cause]:
    """The permissions of a file."""
    mode = owner.get(name)
    if mode is None or 0 <= mode <= 0o777:
        return []
    return [field_errors.invalid(f"{at}.{name}", mode, _MODE_WRONG)]


def identity(owner: Fields, name: str, at: str) -> list[Cause]:
    """The number of a user or group."""
    value = owner.get(name)
    return [] if value is None else identity_number(value, f"{at}.{name}")


def identity_number(value: int, at: str) -> list[Cause]:
    """The same for a bare number."""
    if 0 <= value <= MAX_INT32:
        return []
    return [field_errors.invalid(at, value, f"must be between 0 and {MAX_INT32}, inclusive")]


def port_number(value: int, at: str) -> list[Cause]:
    """1 to 65535."""
    if 1 <= value <= 65535:
        return []
    return [field_errors.invalid(at, value, "must be between 1 and 65535, inclusive")]


def port_name(value: str) -> list[str]:
    """What is wrong with the name of a port (IANA_SVC_NAME)."""
    found = []
    if len(value) > 15:
        found.append("must be no more than 15 characters")
    if not _PORT_CHARACTERS.fullmatch(value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value and (value.startswith("-") or value.endswith("-")):
        found.append("must not begin or end with a hyphen")
    return found


def port(value: int | str, at: str) -> list[Cause]:
    """A port by number or by name."""
    return port_number(value, at) if isinstance(value, int) else named(value, port_name, at)


def no_backsteps(path: str, at: str) -> list[Cause]:
    """A path that never goes up."""
    return [field_errors.invalid(at, path, "must not contain '..'")] if ".." in path.split("/") else []


def descending_path(path: str, at: str) -> list[Cause]:
    """A relative path that never goes up."""
    found = [field_errors.invalid(at, path, "must be a relative path")] if path.startswith("/") else []
    return found + no_backsteps(path, at)


def volume_path(path: str, at: str) -> list[Cause]:
    """A path inside a volume whose files are made by Kubernetes, which keeps names with two dots for itself."""
    found = descending_path(path, at)
    if path.startswith("..") and not path.startswith("../"):
        found.append(field_errors.invalid(at, path, "must not start with '..'"))
    return found


def ip_address(value: str, at: str) -> list[Cause]:
    """An IPv4 or IPv6 address, without leading zeros."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return [_wrong_address(value, at)]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return [field_errors.invalid(at, value, "must not be an IPv4-mapped IPv6 address")]
    return []


def _wrong_address(value: str, at: str) -> Cause:
    plain = re.sub(r"\b0+(?=\d)", "", value)
    try:
        ipaddress.IPv4Address(plain)
    except ValueError:
        return field_errors.invalid(at, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
    return field_errors.invalid(at, value, "must not have leading 0s")


def label_selector(selector: Fields | None, at: str) -> list[Cause]:
    """A meta/v1 LabelSelector."""
    found: list[Cause] = []
    for key, value in ((selector or {}).get("matchLabels") or {}).items():
        found += named(key, label_key, f"{at}.matchLabels") + named(value, label_value, f"{at}.matchLabels")
    for index, requirement in enumerate((selector or {}).get("matchExpressions") or ()):
        found += _requirement(requirement, f"{at}.matchExpressions[{index}]")
    return found


def _requirement(requirement: Fields, at: str) -> list[Cause]:
    values = requirement.get("values") or ()
    found = operator_values(requirement, ("In", "NotIn"), ("Exists", "DoesNotExist"), at)
    found += named(requirement.get("key", ""), label_key, f"{at}.key")
    for index, value in enumerate(values):
        found += named(value, label_value, f"{at}.values[{index}]")
    return found


def operator_values(requirement: Fields, some: Sequence[str], none: Sequence[str], at: str) -> list[Cause]:
    """Whether the values of a requirement fit its operator."""
    operator, values = requirement.get("operator", ""), requirement.get("values") or ()
    if operator in some:
        return (
            []
            if values
            else [field_errors.required(f"{at}.values", f"must be specified when `operator` is {_or(some)}")]
        )
    if operator in none:
        told = f"may not be specified when `operator` is {_or(none)}"
        return [field_errors.forbidden(f"{at}.values", told)] if values else []
    return [field_errors.invalid(f"{at}.operator", operator, "not a valid selector operator")]


def _or(choices: Sequence[str]) -> str:
    return " or ".join(f"'{choice}'" for choice in choices)
