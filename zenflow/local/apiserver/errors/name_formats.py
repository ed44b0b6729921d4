"""What names, label keys and label values may look like, with kube-apiserver's sentences for what does not.

Each check returns the sentences; none means fine. Rules: `k8s.io/apimachinery` validation (RFC 1123, RFC 1035).
"""

import re
from collections.abc import Callable

NameRule = Callable[[str], list[str]]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_ENV_NAME = re.compile(r"[ -<>-~]+")

_LABEL_WRONG = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
    f"regex used for validation is '{_LABEL.pattern}')"
)
_SUBDOMAIN_WRONG = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    f"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN.pattern}')"
)
_QUALIFIED_WRONG = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED.pattern}')"
)
_KEY_WRONG = (
    f"a valid label key {_QUALIFIED_WRONG} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
)
_LABEL_VALUE_WRONG = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"regex used for validation is '{_LABEL_VALUE.pattern}')"
)
_CONFIG_KEY_WRONG = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
    f"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '{_CONFIG_KEY.pattern}')"
)
_ENV_NAME_WRONG = "a valid environment variable name must consist only of printable ASCII characters other than '='"


def _check(value: str, pattern: re.Pattern[str], wrong: str, limit: int, unit: str = "characters") -> list[str]:
    too_long = [f"must be no more than {limit} {unit}"] if len(value.encode()) > limit else []
    return too_long + ([] if pattern.fullmatch(value) else [wrong])


def dns_label(value: str) -> list[str]:
    """RFC 1123 label: names of containers, volumes, namespaces."""
    has_dots = _SUBDOMAIN.fullmatch(value) is not None
    return _check(value, _LABEL, "must not contain dots" if has_dots else _LABEL_WRONG, 63)


namespace_name = dns_label


def dns_subdomain(value: str) -> list[str]:
    """RFC 1123 subdomain: the name of most objects."""
    return _check(value, _SUBDOMAIN, _SUBDOMAIN_WRONG, 253)


def label_key(value: str) -> list[str]:
    """A label or annotation key: an optional DNS prefix, a slash, a name."""
    parts = value.split("/")
    if len(parts) > 2:
        return [_KEY_WRONG]
    prefix_wrong: list[str] = []
    if len(parts) == 2:
        prefix_wrong = (
            ["prefix part must be non-empty"]
            if not parts[0]
            else [f"prefix part {wrong}" for wrong in dns_subdomain(parts[0])]
        )
    name = parts[-1]
    if not name:
        return [*prefix_wrong, "name part must be non-empty", f"name part {_QUALIFIED_WRONG}"]
    wrong = _check(name, _QUALIFIED, _QUALIFIED_WRONG, 63, "bytes")
    return [*prefix_wrong, *(f"name part {sentence}" for sentence in wrong)]


def label_value(value: str) -> list[str]:
    """A label's value; it may be empty."""
    return _check(value, _LABEL_VALUE, _LABEL_VALUE_WRONG, 63, "bytes")


def config_key(value: str) -> list[str]:
    """A key of a ConfigMap or Secret, which becomes a file name."""
    found = _check(value, _CONFIG_KEY, _CONFIG_KEY_WRONG, 253)
    if value in (".", ".."):
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found


def env_name(value: str) -> list[str]:
    """The name of an environment variable."""
    return [] if _ENV_NAME.fullmatch(value) else [_ENV_NAME_WRONG]


def path_segment(value: str) -> list[str]:
    """A name in a URL: anything that a path can hold as one segment."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in value]


def without_suffix(rule: NameRule) -> NameRule:
    """The rule for `generateName`, which may end in a dash that only the finished name must not end in."""

    def check(value: str) -> list[str]:
        return rule(value[:-1] + "a" if value.endswith("-") else value)

    return check
