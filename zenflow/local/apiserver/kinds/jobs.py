"""batch/v1 Jobs."""

from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.kinds import pod_spec
from zenflow.local.apiserver.kinds.metadata import label_problems
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy, text_at
from zenflow.runtime.errors import Cause

_UID_LABEL = "batch.kubernetes.io/controller-uid"
_NAME_LABEL = "batch.kubernetes.io/job-name"
_LEGACY_UID_LABEL = "controller-uid"
_LEGACY_NAME_LABEL = "job-name"
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_TEMPLATE_SPEC = "spec.template.spec"
_MAX_INT = 2**31 - 1
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates", "affinity")


class Jobs(Strategy):
    """The spec but for a few counts is fixed once the Job is made."""

    counts_generation = True
    orphans_dependents = True
    selectable = ("status.successful",)
    unselectable = 'field label "{}" not supported for Job'

    def default(self, new: Object) -> None:
        spec = new.setdefault("spec", {})
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)
        spec.setdefault("backoffLimit", _MAX_INT if "backoffLimitPerIndex" in spec else 6)
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        spec.setdefault("manualSelector", False)
        policy = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
        spec.setdefault("podReplacementPolicy", policy)
        template = spec.setdefault("template", {})
        _default_template(template)
        _default_labels(new)

    def prepare_for_create(self, new: Object) -> None:
        new["status"] = {}
        if not new["spec"]["manualSelector"]:
            _generate_selector(new)
            _default_labels(new)

    def problems(self, new: Frozen) -> list[Cause]:
        return _generated_problems(new) + _spec_problems(new["spec"])

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return _spec_problems(new["spec"]) + _immutable_problems(new["spec"], old["spec"])

    def field_value(self, decoded: Frozen, path: str) -> str:
        if path == "status.successful":
            return text_at(decoded, "status.succeeded") or "0"
        return super().field_value(decoded, path)


def _default_template(template: Object) -> None:
    spec = template.setdefault("spec", {})
    # A Job may not have restartPolicy Always, so it is not defaulted; validation then says that it is missing.
    given = spec.get("restartPolicy")
    pod_spec.default(spec)
    if given is None:
        del spec["restartPolicy"]


def _default_labels(new: Object) -> None:
    """A Job without labels has those of its template."""
    labels = new["spec"]["template"].get("metadata", {}).get("labels")
    if labels and not new["metadata"].get("labels"):
        new["metadata"]["labels"] = dict(labels)


def _generate_selector(new: Object) -> None:
    metadata, spec = new["metadata"], new["spec"]
    uid, name = metadata["uid"], metadata.get("name", "")
    labels = {_UID_LABEL: uid, _NAME_LABEL: name, _LEGACY_UID_LABEL: uid, _LEGACY_NAME_LABEL: name}
    template_metadata = spec["template"].setdefault("metadata", {})
    template_metadata["labels"] = {**(template_metadata.get("labels") or {}), **labels}
    selector = spec.get("selector") or {}
    spec["selector"] = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), _UID_LABEL: uid}}


def _generated_problems(new: Frozen) -> list[Cause]:
    spec = new["spec"]
    generated = {"matchLabels": {_UID_LABEL: new["metadata"]["uid"]}}
    if spec["manualSelector"] or spec["selector"] == generated:
        return []
    return [field_errors.invalid("spec.selector", spec["selector"], "`selector` not auto-generated")]


def _spec_problems(spec: Frozen) -> list[Cause]:
    found = [
        field_errors.invalid(f"spec.{name}", spec[name], "must be greater than or equal to 0")
        for name in _COUNTS
        if spec.get(name, 0) < 0
    ]
    found += _mode_problems(spec) + _replacement_problems(spec)
    template = spec["template"]
    found += label_problems(template.get("metadata", {}).get("labels") or {}, "spec.template.labels")
    with_policy = {**template["spec"], "restartPolicy": template["spec"].get("restartPolicy", "Always")}
    found += pod_spec.problems(with_policy, _TEMPLATE_SPEC)
    found += _restart_problems(with_policy["restartPolicy"], spec)
    return found + _selector_problems(spec)


def _selector_problems(spec: Frozen) -> list[Cause]:
    found = [] if spec.get("selector") else [field_errors.required("spec.selector")]
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    labels = spec["template"].get("metadata", {}).get("labels")
    if not wanted or not wanted.items() <= (labels or {}).items():
        why = "`selector` does not match template `labels`"
        found.append(field_errors.invalid("spec.template.metadata.labels", labels, why))
    return found


def _mode_problems(spec: Frozen) -> list[Cause]:
    mode = spec["completionMode"]
    if mode not in ("NonIndexed", "Indexed"):
        return [field_errors.unsupported("spec.completionMode", mode, ("NonIndexed", "Indexed"))]
    if mode == "Indexed" and "completions" not in spec:
        return [field_errors.required("spec.completions", "when completion mode is Indexed")]
    if mode != "Indexed" and "backoffLimitPerIndex" in spec:
        limit = spec["backoffLimitPerIndex"]
        return [field_errors.invalid("spec.backoffLimitPerIndex", limit, "requires indexed completion mode")]
    return []


def _replacement_problems(spec: Frozen) -> list[Cause]:
    policy = spec["podReplacementPolicy"]
    choices = ("Failed",) if spec.get("podFailurePolicy") else ("Failed", "TerminatingOrFailed")
    return [] if policy in choices else [field_errors.unsupported("spec.podReplacementPolicy", policy, choices)]


def _restart_problems(policy: str, spec: Frozen) -> list[Cause]:
    field = f"{_TEMPLATE_SPEC}.restartPolicy"
    if policy == "Always":
        return [field_errors.required(field, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [field_errors.unsupported(field, policy, ("Never", "OnFailure"))]
    if spec.get("podFailurePolicy") and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        return [field_errors.invalid(field, policy, why)]
    return []


def _immutable_problems(spec: Frozen, old: Frozen) -> list[Cause]:
    names = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    if old["completionMode"] != "Indexed" or spec.get("completions") != spec.get("parallelism"):
        names.insert(0, "completions")
    found = [
        field_errors.invalid(f"spec.{name}", spec.get(name), "field is immutable")
        for name in names
        if spec.get(name) != old.get(name)
    ]
    return found + _template_problems(spec["template"], old)


def _template_problems(template: Frozen, old: Frozen) -> list[Cause]:
    """A template never changes. While a Job is suspended, queueing systems may steer where its Pods will run."""
    if not old.get("suspend"):
        same = template == old["template"]
        return [] if same else [field_errors.invalid("spec.template", template, "field is immutable")]
    same = _fixed_part(template["spec"]) == _fixed_part(old["template"]["spec"])
    return [] if same else [field_errors.invalid(_TEMPLATE_SPEC, template["spec"], "field is immutable")]


def _fixed_part(spec: Frozen) -> dict[str, Any]:
    fixed = {name: value for name, value in spec.items() if name not in _SCHEDULING}
    for name in ("containers", "initContainers"):
        containers = spec.get(name) or ()
        fixed[name] = [{k: v for k, v in container.items() if k != "resources"} for container in containers]
    return fixed
