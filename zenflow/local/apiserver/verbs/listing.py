"""Lists: at one version, in pages that all show that version."""

import base64
import binascii
import re
from collections.abc import Sequence

import msgspec

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.errors.json_errors import explain
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.requests.options import ListOptions
from zenflow.local.apiserver.storage.rendering import rendered_list
from zenflow.local.apiserver.storage.store import Entry, Storage, Store
from zenflow.local.apiserver.storage.watching import Selection

_TOO_OLD_TOKEN = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)
_TOO_OLD_LIST = "The resourceVersion for the provided list is too old."
_TOKEN_VERSION = "meta.k8s.io/v1"
_NEWEST = -1
"""The version in a token that goes on inconsistently, with what there is now."""


class _Token(msgspec.Struct, frozen=True):
    rv: int = 0
    start: str = ""
    v: str = ""


def _encode(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _decode(text: str) -> _Token:
    token = _parsed(_unarmored(text))
    if token.v != _TOKEN_VERSION:
        raise _bad_token(f"server does not recognize this encoded version {token.v}")
    if token.rv == 0:
        raise _bad_token(f"incorrect encoded start resourceVersion (version {_TOKEN_VERSION})")
    if not token.start:
        raise _bad_token(f"encoded start key empty (version {_TOKEN_VERSION})")
    return token


def _unarmored(text: str) -> bytes:
    sound = re.match(r"[A-Za-z0-9_-]*", text)
    try:
        if sound is not None and sound.end() == len(text):
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        pass
    raise _bad_token(f"illegal base64 data at input byte {sound.end() if sound is not None else 0}")


def _parsed(decoded: bytes) -> _Token:
    try:
        return msgspec.json.decode(decoded, type=_Token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _bad_token(explain(decoded.decode("latin-1").encode())) from None


def _bad_token(why: str) -> Exception:
    return refusals.bad_request(f"invalid continue token: continue key is not valid: {why}")


def parse_version(text: str) -> int:
    """A resourceVersion of a list. Raises 400."""
    try:
        return int(text)
    except ValueError:
        why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise refusals.bad_request(f"invalid resource version: {why}") from None


def render_page(store: Store, type_: ResourceType, selection: Selection, options: ListOptions) -> bytes:
    """The page that the options ask for. Raises 400, 410 (history forgotten), 504 (version from the future)."""
    storage = store.storage(type_.storage_name)
    version, start = _position(store, options)
    entries = _entries(storage, selection.prefix, version, start, options)
    shown_version = store.version if version is None else version
    return _page(type_, selection, entries, shown_version, options.limit)


def _position(store: Store, options: ListOptions) -> tuple[int | None, str]:
    """The exact version to show (None: the newest) and the key to start after."""
    if options.continue_token:
        token = _decode(options.continue_token)
        if options.resource_version not in ("", "0"):
            raise refusals.bad_request("specifying resource version is not allowed when using continue")
        return (None if token.rv == _NEWEST else token.rv), token.start
    if not options.resource_version:
        return None, ""
    asked = parse_version(options.resource_version)
    if asked > store.version:
        raise refusals.too_large_version(asked, store.version)
    exact = options.version_match == "Exact" or (asked and options.limit and not options.version_match)
    return (asked if exact else None), ""


def _entries(storage: Storage, prefix: str, version: int | None, start: str, options: ListOptions) -> Sequence[Entry]:
    if version is None:
        found = storage.prefixed(prefix)
    else:
        then = storage.as_of(version)
        if then is None:
            raise _gone(start, options)
        found = (entry for key, entry in sorted(then.items()) if key.startswith(prefix))
    return [entry for entry in found if entry.key > start]


def _gone(start: str, options: ListOptions) -> Exception:
    if options.continue_token:
        return refusals.expired(_TOO_OLD_TOKEN, _encode(_Token(_NEWEST, start, _TOKEN_VERSION)))
    return refusals.expired(_TOO_OLD_LIST)


def _page(type_: ResourceType, selection: Selection, entries: Sequence[Entry], version: int, limit: int) -> bytes:
    selected = [entry for entry in entries if selection.includes(entry)]
    if not limit or len(selected) <= limit:
        return rendered_list(type_, selected, version)
    page = selected[:limit]
    remaining = 0 if selection.selector else len(selected) - limit
    token = _encode(_Token(version, page[-1].key, _TOKEN_VERSION))
    return rendered_list(type_, page, version, continue_token=token, remaining=remaining)
