"""The string formats that a schema may ask for, as kube-apiserver checks them (`k8s.io/kube-openapi` strfmt)."""

import base64
import binascii
import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

_DURATION = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*|0")
_WORD_DURATION = re.compile(r"\d+\s*(ns|nano|us|µs|μs|micro|ms|milli|s|sec|m|min|h|hr|hour|d|day|w|wk|week)s?")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_HOSTNAME = re.compile(
    r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*\.?"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _is_date_time(value: str) -> bool:
    return bool(_DATE_TIME.fullmatch(value)) and _parses(datetime.fromisoformat)(value.upper())


def _is_duration(value: str) -> bool:
    return bool(_DURATION.fullmatch(value) or _WORD_DURATION.fullmatch(value))


def _is_uri(value: str) -> bool:
    return _parses(urlsplit)(value) and bool(urlsplit(value).scheme or value.startswith("/"))


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "byte": _parses(lambda value: base64.b64decode(value, validate=True)),
    "date": _parses(date.fromisoformat),
    "date-time": _is_date_time,
    "duration": _is_duration,
    "email": lambda value: bool(_EMAIL.fullmatch(value)),
    "hostname": lambda value: bool(_HOSTNAME.fullmatch(value)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": _parses(lambda value: ipaddress.ip_network(value, strict=False)),
    "uri": _is_uri,
    "uuid": _parses(uuid.UUID),
}
"""Formats not named here are not checked, as in the real server."""
