"""What is wrong with probes and lifecycle hooks."""

import re
from collections.abc import Callable, Mapping

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.kinds.checks import Fields, named, non_negative, one_of, port, required
from zenflow.runtime.errors import Cause

_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")
_PROBE_KINDS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_KINDS = ("exec", "httpGet", "tcpSocket", "sleep")
_HEADER = re.compile(r"[-A-Za-z0-9]+")


def problems(container: Fields, grace: int | None, at: str) -> list[Cause]:
    """The probes and hooks of a container; `grace` is terminationGracePeriodSeconds of its Pod."""
    found: list[Cause] = []
    lifecycle = container.get("lifecycle") or {}
    for name in _HOOKS:
        if lifecycle.get(name) is not None:
            found += _handler(lifecycle[name], _HOOK_KINDS, grace, f"{at}.lifecycle.{name}")
    for name in _PROBES:
        if container.get(name) is not None:
            found += _probe(container[name], name, grace, f"{at}.{name}")
    return found


def forbidden(container: Fields, at: str) -> list[Cause]:
    """An init container that is no sidecar has none of them."""
    why = "may not be set for init containers without restartPolicy=Always"
    return [
        field_errors.forbidden(f"{at}.{name}", why)
        for name in ("lifecycle", *_PROBES)
        if container.get(name) is not None
    ]


def _probe(probe: Fields, name: str, grace: int | None, at: str) -> list[Cause]:
    found = _handler(probe, _PROBE_KINDS, grace, at) + non_negative(probe, _NUMBERS, at)
    period = probe.get("terminationGracePeriodSeconds")
    if period is not None and period <= 0:
        found.append(field_errors.invalid(f"{at}.terminationGracePeriodSeconds", period, "must be greater than 0"))
    if name == "readinessProbe":
        if period is not None:
            why = "must not be set for readinessProbes"
            found.append(field_errors.invalid(f"{at}.terminationGracePeriodSeconds", period, why))
    elif probe.get("successThreshold") != 1:
        found.append(field_errors.invalid(f"{at}.successThreshold", probe.get("successThreshold", 0), "must be 1"))
    return found


def _handler(owner: Fields, kinds: tuple[str, ...], grace: int | None, at: str) -> list[Cause]:
    given = [kind for kind in kinds if owner.get(kind) is not None]
    if not given:
        return [field_errors.required(at, "must specify a handler type")]
    first, *others = given
    place, why = f"{at}.{first}", "may not specify more than 1 handler type"
    found = _sleep(owner[first], grace, place) if first == "sleep" else _HANDLERS[first](owner[first], place)
    return found + [field_errors.forbidden(f"{at}.{kind}", why) for kind in others]


def _exec(action: Fields, at: str) -> list[Cause]:
    return required(action, ("command",), at)


def _http(action: Fields, at: str) -> list[Cause]:
    found = required(action, ("path",), at) + _port(action, at) + one_of(action, "scheme", ("HTTP", "HTTPS"), at)
    for header in action.get("httpHeaders") or ():
        found += named(header.get("name", ""), _header_name, f"{at}.httpHeaders")
    return found


def _header_name(name: str) -> list[str]:
    if _HEADER.fullmatch(name):
        return []
    return [
        "a valid HTTP header must consist of alphanumeric characters or '-' "
        f"(e.g. 'X-Header-Name', regex used for validation is '{_HEADER.pattern}')"
    ]


def _port(action: Fields, at: str) -> list[Cause]:
    return port(action.get("port", 0), f"{at}.port")


def _sleep(action: Fields, grace: int | None, at: str) -> list[Cause]:
    seconds = action.get("seconds", 0)
    if grace is None or 0 <= seconds <= grace:
        return []
    why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
    return [field_errors.invalid(at, seconds, why)]


_HANDLERS: Mapping[str, Callable[[Fields, str], list[Cause]]] = {
    "exec": _exec,
    "httpGet": _http,
    "tcpSocket": _port,
    "grpc": _port,
}
