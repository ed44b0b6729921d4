"""What is wrong with a Job, as kube-apiserver says it: a new one, and a change of one."""

import re
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label, dns_subdomain
from zenflow.local.apiserver.kinds import job_policies
from zenflow.local.apiserver.kinds.checks import Fields, label_selector, named, non_negative
from zenflow.local.apiserver.kinds.metadata import annotation_problems, label_problems
from zenflow.local.apiserver.kinds.pod_spec import spec as pod_spec
from zenflow.local.apiserver.kinds.strategy import Frozen
from zenflow.runtime.errors import Cause

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
LEGACY_UID_LABEL = "controller-uid"
LEGACY_NAME_LABEL = "job-name"
_COUNTS = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
    "backoffLimitPerIndex", "maxFailedIndexes",
)  # fmt: skip
_IMMUTABLE = ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
_TEMPLATE = "spec.template"
_MAX_PARALLELISM = 100_000
_MAX_FAILED_INDEXES = 100_000
_MANY_COMPLETIONS = 100_000
_LIMIT_FOR_MANY = 10_000
_MAX_MANAGED_BY = 63
_HTTP_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")


def problems(job: Frozen) -> list[Cause]:
    """Everything that is wrong with a new Job besides its metadata; defaulted, and its selector generated."""
    return _generated_problems(job) + _spec_problems(job["spec"]) + _name_problems(job)


def update_problems(job: Frozen, old: Frozen) -> list[Cause]:
    """The same for a change of a Job."""
    spec, before = job["spec"], old["spec"]
    found = _spec_problems(spec) + _completions_problems(spec, before)
    found += [
        field_errors.invalid(f"spec.{name}", spec.get(name), "field is immutable")
        for name in _IMMUTABLE
        if spec.get(name) != before.get(name)
    ]
    return found + _template_change_problems(spec["template"], old) + _name_problems(job)


def _generated_problems(job: Frozen) -> list[Cause]:
    """Without manualSelector, labels and selector are those that the API server makes."""
    spec, metadata = job["spec"], job["metadata"]
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    uid, name = metadata.get("uid", ""), metadata.get("name", "")
    expected = {LEGACY_UID_LABEL: uid, LEGACY_NAME_LABEL: name, UID_LABEL: uid, NAME_LABEL: name}
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    found = [c for key, value in expected.items() for c in _label_problems(labels, key, value)]
    if not label_selector(spec["selector"], "") and not selects(spec["selector"], expected):
        found.append(field_errors.invalid("spec.selector", spec["selector"], "`selector` not auto-generated"))
    return found


def _label_problems(labels: Fields, key: str, expected: str) -> list[Cause]:
    at = f"{_TEMPLATE}.metadata.labels"
    if key not in labels:
        return [field_errors.required(f"{at}[{key}]", f"must be '{expected}'")]
    if labels[key] != expected:
        return [field_errors.invalid(f"{at}[{key}]", labels, f"must be '{expected}'")]
    return []


def selects(selector: Fields, labels: Fields) -> bool:
    """Whether a LabelSelector matches these labels."""
    if not all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_fulfils(requirement, labels) for requirement in selector.get("matchExpressions") or ())


def _fulfils(requirement: Fields, labels: Fields) -> bool:
    value, values = labels.get(requirement.get("key", "")), requirement.get("values") or ()
    match requirement.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _name_problems(job: Frozen) -> list[Cause]:
    """The host names of an Indexed Job's Pods are its name and an index."""
    spec, name = job["spec"], job["metadata"].get("name", "")
    if spec["completionMode"] != "Indexed" or not spec.get("completions", 0) > 0:
        return []
    hostname = f"{name}-{spec['completions'] - 1}"
    if not dns_label(hostname):
        return []
    why = f"will not able to create pod with invalid DNS label: {hostname}"
    return [field_errors.invalid("metadata.name", name, why)]


def _spec_problems(spec: Fields) -> list[Cause]:
    found = non_negative(spec, _COUNTS, "spec")
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        found.append(field_errors.required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    found += _manager_problems(spec) + _mode_problems(spec)
    if spec.get("podFailurePolicy") is not None:
        found += job_policies.failure_problems(spec, "spec.podFailurePolicy")
    if spec.get("successPolicy") is not None:
        found += job_policies.success_problems(spec, "spec.successPolicy")
    found += _replacement_problems(spec) + _template_problems(spec["template"]) + _restart_problems(spec)
    return found + _selector_problems(spec)


def _manager_problems(spec: Fields) -> list[Cause]:
    manager, at = spec.get("managedBy"), "spec.managedBy"
    if manager is None:
        return []
    domain, _, path = manager.partition("/")
    if not manager:
        return [field_errors.required(at)]
    if not domain or not path:
        found = [field_errors.invalid(at, manager, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    else:
        found = named(domain, dns_subdomain, at)
        if not _HTTP_PATH.fullmatch(path):
            why = f"Invalid path (regex used for validation is '{_HTTP_PATH.pattern}')"
            found.append(field_errors.invalid(at, path, why))
    return found + ([field_errors.too_long(at, _MAX_MANAGED_BY)] if len(manager) > _MAX_MANAGED_BY else [])


def _mode_problems(spec: Fields) -> list[Cause]:
    mode = spec["completionMode"]
    if mode == "Indexed":
        return _indexed_problems(spec)
    if mode != "NonIndexed":
        return [field_errors.unsupported("spec.completionMode", mode, ("NonIndexed", "Indexed"))]
    return [
        field_errors.invalid(f"spec.{name}", spec[name], "requires indexed completion mode")
        for name in ("backoffLimitPerIndex", "maxFailedIndexes")
        if spec.get(name) is not None
    ]


def _indexed_problems(spec: Fields) -> list[Cause]:
    completions, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    found = []
    if completions is None:
        found.append(field_errors.required("spec.completions", "when completion mode is Indexed"))
    found += _at_most(spec, "parallelism", _MAX_PARALLELISM, " when completion mode is Indexed")
    if completions is not None and failed is not None and failed > completions:
        why = "must be less than or equal to completions"
        found.append(field_errors.invalid("spec.maxFailedIndexes", failed, why))
    found += _at_most(spec, "maxFailedIndexes", _MAX_FAILED_INDEXES, "")
    if (completions or 0) <= _MANY_COMPLETIONS or spec.get("backoffLimitPerIndex") is None:
        return found
    if failed is None:
        why = f"must be specified when completions is above {_MANY_COMPLETIONS}"
        found.append(field_errors.required("spec.maxFailedIndexes", why))
    told = f" when completions are above {_MANY_COMPLETIONS} and used with backoff limit per index"
    for name in ("parallelism", "maxFailedIndexes"):
        found += _at_most(spec, name, _LIMIT_FOR_MANY, told)
    return found


def _at_most(spec: Fields, name: str, limit: int, told: str) -> list[Cause]:
    value = spec.get(name)
    if value is None or value <= limit:
        return []
    return [field_errors.invalid(f"spec.{name}", value, f"must be less than or equal to {limit}{told}")]


def _replacement_problems(spec: Fields) -> list[Cause]:
    policy = spec["podReplacementPolicy"]
    choices = ("Failed",) if spec.get("podFailurePolicy") is not None else ("Failed", "TerminatingOrFailed")
    return [] if policy in choices else [field_errors.unsupported("spec.podReplacementPolicy", policy, choices)]


def _template_problems(template: Fields) -> list[Cause]:
    metadata, spec = template.get("metadata") or {}, template["spec"]
    found = label_problems(metadata.get("labels") or {}, f"{_TEMPLATE}.labels")
    found += annotation_problems(metadata.get("annotations") or {}, f"{_TEMPLATE}.annotations")
    found += pod_spec.problems({**spec, "restartPolicy": spec.get("restartPolicy", "Always")}, f"{_TEMPLATE}.spec")
    if spec.get("ephemeralContainers"):
        why = "ephemeral containers not allowed in pod template"
        found.append(field_errors.forbidden(f"{_TEMPLATE}.spec.ephemeralContainers", why))
    return found


def _restart_problems(spec: Fields) -> list[Cause]:
    policy, at = spec["template"]["spec"].get("restartPolicy", "Always"), f"{_TEMPLATE}.spec.restartPolicy"
    if policy == "Always":
        return [field_errors.required(at, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [field_errors.unsupported(at, policy, ("OnFailure", "Never"))]
    if spec.get("podFailurePolicy") is not None and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        return [field_errors.invalid(at, policy, why)]
    return []


def _selector_problems(spec: Fields) -> list[Cause]:
    selector = spec.get("selector")
    labels = (spec["template"].get("metadata") or {}).get("labels")
    found = [field_errors.required("spec.selector")] if selector is None else label_selector(selector, "spec.selector")
    if not found or selector is None:
        empty = selector is None
        if empty or not selects(selector or {}, labels or {}):
            why = "`selector` does not match template `labels`"
            found.append(field_errors.invalid(f"{_TEMPLATE}.metadata.labels", labels, why))
    return found


def _completions_problems(spec: Fields, old: Fields) -> list[Cause]:
    completions = spec.get("completions")
    if completions == old.get("completions"):
        return []
    if spec["completionMode"] != "Indexed":
        return [field_errors.invalid("spec.completions", completions, "field is immutable")]
    if completions is None or completions == spec.get("parallelism"):
        return []
    why = "can only be modified in tandem with spec.parallelism"
    return [field_errors.invalid("spec.completions", completions, why)]


def _template_change_problems(template: Fields, old: Frozen) -> list[Cause]:
    """A template never changes, but while the Job is suspended and nothing of it runs: then queueing systems may steer
    where its Pods will run and what they get.
    """
    before = old["spec"]["template"]
    if not _is_at_rest(old):
        same = template == before
        return [] if same else [field_errors.invalid(_TEMPLATE, template, "field is immutable")]
    same = _fixed_part(template["spec"]) == _fixed_part(before["spec"])
    return [] if same else [field_errors.invalid(f"{_TEMPLATE}.spec", template["spec"], "field is immutable")]


def _is_at_rest(job: Frozen) -> bool:
    status = job.get("status") or {}
    conditions = status.get("conditions") or ()
    suspended = any((c.get("type"), c.get("status")) == ("Suspended", "True") for c in conditions)
    waits = not status.get("startTime") or suspended
    return bool(job["spec"].get("suspend")) and waits and not status.get("active")


def _fixed_part(spec: Fields) -> dict[str, Any]:
    fixed = {name: value for name, value in spec.items() if name not in ("nodeSelector", "tolerations")}
    fixed.pop("schedulingGates", None)
    affinity = {name: value for name, value in (spec.get("affinity") or {}).items() if name != "nodeAffinity"}
    fixed["affinity"] = affinity
    for name in ("containers", "initContainers"):
        containers = spec.get(name) or ()
        fixed[name] = [{k: v for k, v in container.items() if k != "resources"} for container in containers]
    return fixed
