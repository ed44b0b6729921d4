"""The options of requests, read from query and body and checked as the real server checks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from zenflow.local.apiserver.errors import field_errors, refusals
from zenflow.local.apiserver.schemas.decoding import json_type
from zenflow.local.apiserver.storage.selectors import FieldRequirement, Requirement, parse_fields, parse_labels
from zenflow.runtime.errors import Cause
from zenflow.runtime.transport import Request

_FALSE = ("0", "false")
_FIELD_VALIDATION = ("", "Ignore", "Strict", "Warn")
_PROPAGATION = ("Foreground", "Background", "Orphan", "nil")


def is_true(request: Request, name: str) -> bool:
    """A boolean of the query: whatever is given and is neither `false` nor `0`, as Kubernetes has it."""
    given = [value for key, value in request.query if key == name]
    return bool(given) and given[0].lower() not in _FALSE


def integer(request: Request, name: str) -> int | None:
    """A number of the query. Raises 400."""
    text = request.param(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise refusals.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """CreateOptions, UpdateOptions and PatchOptions."""

    dry_run: bool = False
    field_validation: str = "Warn"
    field_manager: str = ""
    force: bool = False


def write_options(request: Request, kind: str) -> WriteOptions:
    """Read and check; `kind` is the name of the options type, for messages. Raises 422."""
    dry_run = [value for name, value in request.query if name == "dryRun" and value]
    field_validation = request.param("fieldValidation")
    problems = _dry_run_problems(dry_run)
    if field_validation not in _FIELD_VALIDATION:
        problems.append(field_errors.unsupported("fieldValidation", field_validation, _FIELD_VALIDATION))
    if problems:
        raise refusals.invalid_options(kind, problems)
    return WriteOptions(
        bool(dry_run), field_validation or "Warn", request.param("fieldManager"), is_true(request, "force")
    )


def _dry_run_problems(dry_run: list[str]) -> list[Cause]:
    if any(value != "All" for value in dry_run):
        return [field_errors.unsupported("dryRun", dry_run, ("All",))]
    return []


@dataclass(frozen=True, slots=True)
class ListOptions:
    """ListOptions of a list or watch."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldRequirement, ...] = ()
    resource_version: str = ""
    version_match: str = ""
    limit: int = 0
    continue_token: str = ""
    watch: bool = False
    bookmarks: bool = False
    timeout: int | None = None
    initial_events: bool | None = None


def list_options(request: Request) -> ListOptions:
    """Read and check. Raises 400 for what can't be read, 422 for what doesn't fit together."""
    initial_events = request.param("sendInitialEvents")
    options = ListOptions(
        labels=parse_labels(request.param("labelSelector")),
        fields=parse_fields(request.param("fieldSelector")),
        resource_version=request.param("resourceVersion"),
        version_match=request.param("resourceVersionMatch"),
        limit=integer(request, "limit") or 0,
        continue_token=request.param("continue"),
        watch=is_true(request, "watch"),
        bookmarks=is_true(request, "allowWatchBookmarks"),
        timeout=integer(request, "timeoutSeconds"),
        initial_events=is_true(request, "sendInitialEvents") if initial_events else None,
    )
    problems = _watch_problems(options) if options.watch else _list_problems(options)
    if problems:
        raise refusals.invalid_options("ListOptions", problems)
    return options


def _watch_problems(options: ListOptions) -> list[Cause]:
    field, match = "resourceVersionMatch", options.version_match
    if options.initial_events is None:
        if match:
            return [field_errors.forbidden(field, "resourceVersionMatch is forbidden for watch")]
        return []
    if match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        return [field_errors.forbidden(field, why)]
    return []


def _list_problems(options: ListOptions) -> list[Cause]:
    field, match = "resourceVersionMatch", options.version_match
    if options.initial_events is not None:
        return [field_errors.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")]
    if not match:
        return []
    problems: list[Cause] = []
    if not options.resource_version:
        problems.append(
            field_errors.forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided")
        )
    if options.continue_token:
        problems.append(field_errors.forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("Exact", "NotOlderThan"):
        problems.append(field_errors.unsupported(field, match, ("Exact", "NotOlderThan", "")))
    if match == "Exact" and options.resource_version == "0":
        problems.append(
            field_errors.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
        )
    return problems


class Preconditions(msgspec.Struct, frozen=True, rename="camel"):
    """What must hold for a delete to happen."""

    uid: str | None = None
    resource_version: str | None = None


class DeleteOptions(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """DeleteOptions, from the body or the query."""

    kind: str = ""
    grace_period_seconds: int | None = None
    propagation_policy: str | None = None
    orphan_dependents: bool | None = None
    preconditions: Preconditions | None = None
    dry_run: list[str] = []

    @property
    def propagation(self) -> str:
        """Background, Foreground, Orphan, or empty for the resource's own default."""
        if self.orphan_dependents is not None:
            return "Orphan" if self.orphan_dependents else "Background"
        return self.propagation_policy or ""


def delete_options(request: Request, body: Mapping[str, Any]) -> DeleteOptions:
    """Read and check. A body, where there is one, counts alone. Raises 400 or 422."""
    options = _convert(body) if body else _from_query(request)
    if options.kind not in ("", "DeleteOptions"):
        raise refusals.bad_request(f'no kind "{options.kind}" is registered for version "v1"')
    problems = _dry_run_problems(options.dry_run)
    policy = options.propagation_policy
    if policy is not None and options.orphan_dependents is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        problems.append(field_errors.invalid("propagationPolicy", policy, why))
    if policy is not None and policy not in _PROPAGATION[:3]:
        problems.append(field_errors.unsupported("propagationPolicy", policy, _PROPAGATION))
    if problems:
        raise refusals.invalid_options("DeleteOptions", problems)
    return options


def _convert(body: Mapping[str, Any]) -> DeleteOptions:
    try:
        return msgspec.convert(body, DeleteOptions)
    except msgspec.ValidationError as wrong:
        field = next((name for name in _GO_TYPES if f"$.{name}" in str(wrong)), "")
        told = f"DeleteOptions: {wrong}"
        if field:
            told = f"{json_type(body[field])} into Go struct field DeleteOptions.{field} of type {_GO_TYPES[field]}"
        raise refusals.bad_request(f"json: cannot unmarshal {told}") from None


_GO_TYPES = {
    "gracePeriodSeconds": "int64",
    "propagationPolicy": "v1.DeletionPropagation",
    "orphanDependents": "bool",
    "preconditions": "v1.Preconditions",
    "dryRun": "[]string",
    "kind": "string",
}


def _from_query(request: Request) -> DeleteOptions:
    return DeleteOptions(
        grace_period_seconds=integer(request, "gracePeriodSeconds"),
        propagation_policy=request.param("propagationPolicy") or None,
        orphan_dependents=is_true(request, "orphanDependents") if request.param("orphanDependents") else None,
        dry_run=[value for name, value in request.query if name == "dryRun" and value],
    )
