"""What is wrong with projected volumes and with files of the downward API."""

from collections.abc import Callable, Iterator

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_subdomain
from zenflow.local.apiserver.kinds.checks import (
    Fields,
    file_mode,
    given_one_of,
    label_selector,
    named,
    required,
    volume_path,
)
from zenflow.local.apiserver.kinds.pod_spec import environment
from zenflow.runtime.errors import Cause

KeyCheck = Callable[[Fields, str], list[Cause]]

_TEN_MINUTES = 600
_HOUR = 3600
_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_CERTIFICATE_PATHS = ("credentialBundlePath", "keyPath", "certificateChainPath")
_MAX_LIFETIME = 91 * 24 * _HOUR
_KINDS = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")


def downward_file(item: Fields, at: str) -> list[Cause]:
    """One file with a field of the Pod or a resource of a container."""
    found = required(item, ("path",), at) + volume_path(item.get("path", ""), f"{at}.path")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        found += environment.field_reference(field, f"{at}.fieldRef", environment.FIELDS_IN_VOLUMES)
        if resource is not None:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            found.append(field_errors.invalid(at, "resource", why))
    elif resource is not None:
        found += environment.resource_reference(resource, f"{at}.resourceFieldRef", in_volume=True)
    else:
        found.append(field_errors.required(at, "one of fieldRef and resourceFieldRef is required"))
    return found + file_mode(item, "mode", at)


def problems(volume: Fields, at: str, key_to_path: KeyCheck) -> list[Cause]:
    """The sources of a projected volume, whose files must not be in each other's way."""
    found: list[Cause] = []
    seen: set[str] = set()
    for index, source in enumerate(volume.get("sources") or ()):
        place = f"{at}.sources[{index}]"
        given = [kind for kind in _KINDS if source.get(kind) is not None]
        for kind in given:
            found += _source(kind, source[kind], (at, f"{place}.{kind}"), key_to_path)
            found += _conflicts(kind, source[kind], seen, at)
        if len(given) > 1:
            found.append(field_errors.forbidden(place, "may not specify more than 1 volume type per source"))
    return found


def _source(kind: str, source: Fields, where: tuple[str, str], key_to_path: KeyCheck) -> list[Cause]:
    at, place = where
    match kind:
        case "secret" | "configMap":
            found = required(source, ("name",), place)
            for index, item in enumerate(source.get("items") or ()):
                found += key_to_path(item, f"{place}.items[{index}]")
            return found
        case "downwardAPI":
            return [cause for item in source.get("items") or () for cause in downward_file(item, place)]
        case "serviceAccountToken":
            return _token(source, at, place)
        case "clusterTrustBundle":
            return _trust_bundle(source, place)
        case _:
            return _certificate(source, place)


def _conflicts(kind: str, source: Fields, seen: set[str], at: str) -> list[Cause]:
    found = []
    for path in _paths(kind, source):
        if path in seen:
            shown = source.get("name", "") if kind in ("secret", "configMap") else path
            found.append(field_errors.invalid(at, shown, "conflicting duplicate paths"))
        seen.add(path)
    return found


def _paths(kind: str, source: Fields) -> Iterator[str]:
    if kind in ("secret", "configMap", "downwardAPI"):
        yield from (item["path"] for item in source.get("items") or () if item.get("path"))
    elif kind == "clusterTrustBundle":
        yield source.get("path", "")
    elif kind == "podCertificate":
        yield from (source[name] for name in _CERTIFICATE_PATHS if source.get(name))


def _token(source: Fields, at: str, place: str) -> list[Cause]:
    seconds = source.get("expirationSeconds", _HOUR)
    found = []
    if seconds < _TEN_MINUTES:
        why = "may not specify a duration less than 10 minutes"
        found.append(field_errors.invalid(f"{place}.expirationSeconds", seconds, why))
    if seconds > 2**32:
        why = "may not specify a duration larger than 2^32 seconds"
        found.append(field_errors.invalid(f"{place}.expirationSeconds", seconds, why))
    if not source.get("path"):
        return [*found, field_errors.required(f"{at}.path")]
    return found + volume_path(source["path"], f"{at}.path")


def _trust_bundle(source: Fields, at: str) -> list[Cause]:
    name, signer = source.get("name"), source.get("signerName")
    found: list[Cause] = []
    if name is not None and signer is not None:
        found.append(field_errors.invalid(at, source, "only one of name and signerName may be used"))
    elif name is not None:
        found += _bundle_name(name, f"{at}.name")
        if source.get("labelSelector") is not None:
            why = "labelSelector must be unset if name is specified"
            found.append(field_errors.invalid(f"{at}.labelSelector", source["labelSelector"], why))
    elif signer is not None:
        found += [] if signer else [field_errors.required(f"{at}.signerName", "must be a valid signer name")]
        found += label_selector(source.get("labelSelector"), f"{at}.labelSelector")
    else:
        found.append(field_errors.required(at, "either name or signerName must be specified"))
    return found + required(source, ("path",), at) + volume_path(source.get("path", ""), f"{at}.path")


def _bundle_name(name: str, at: str) -> list[Cause]:
    if not name:
        return [field_errors.required(at, "must be a valid object name")]
    wrong = named(name.replace(":", "."), dns_subdomain, at)
    return [field_errors.invalid(at, name, "not a valid clustertrustbundlename")] if wrong else []


def _certificate(source: Fields, at: str) -> list[Cause]:
    found = required(source, ("signerName",), at)
    found += given_one_of({"keyType": source.get("keyType", "")}, "keyType", _KEY_TYPES, at)
    seconds = source.get("maxExpirationSeconds")
    if seconds is not None and not _HOUR <= seconds <= _MAX_LIFETIME:
        why = f"must be >= {_HOUR}" if seconds < _HOUR else f"must be <= {_MAX_LIFETIME}"
        why = f"if provided, maxExpirationSeconds {why}"
        found.append(field_errors.invalid(f"{at}.maxExpirationSeconds", seconds, why))
    given = [name for name in _CERTIFICATE_PATHS if source.get(name)]
    for name in given:
        found += volume_path(source[name], f"{at}.{name}")
    if not given:
        why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        found.append(field_errors.required(at, why))
    return found
