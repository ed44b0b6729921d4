"""batch/v1 Jobs: defaults, what a write may change, and what the API server makes up."""

from zenflow.local.apiserver.kinds import job_spec, job_status
from zenflow.local.apiserver.kinds.job_spec import LEGACY_NAME_LABEL, LEGACY_UID_LABEL, NAME_LABEL, UID_LABEL
from zenflow.local.apiserver.kinds.pod_spec import defaults
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy, text_at
from zenflow.runtime.errors import Cause

_MAX_INT = 2**31 - 1


class Jobs(Strategy):
    """The spec but for a few counts is fixed once the Job is made."""

    counts_generation = True
    orphans_dependents = True
    selectable = ("status.successful",)
    unselectable = 'field label "{}" not supported for Job'

    def default(self, new: Object) -> None:
        spec = new.setdefault("spec", {})
        # Known, but behind a feature gate that is off: the real server takes it out as well.
        spec.pop("scheduling", None)
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)
        spec.setdefault("backoffLimit", _MAX_INT if "backoffLimitPerIndex" in spec else 6)
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        spec.setdefault("manualSelector", False)
        policy = "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"
        spec.setdefault("podReplacementPolicy", policy)
        for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
            for pattern in rule.get("onPodConditions") or ():
                pattern["status"] = pattern.get("status") or "True"
        template = spec.setdefault("template", {})
        _default_template(template)
        _default_labels(new)

    def prepare_for_create(self, new: Object) -> None:
        new["status"] = {}
        if not new["spec"]["manualSelector"]:
            _generate_selector(new)
            _default_labels(new)

    def problems(self, new: Frozen) -> list[Cause]:
        return job_spec.problems(new)

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return job_spec.update_problems(new, old)

    def status_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return job_status.problems(new, old)

    def field_value(self, decoded: Frozen, path: str) -> str:
        if path == "status.successful":
            return text_at(decoded, "status.succeeded") or "0"
        return super().field_value(decoded, path)


def _default_template(template: Object) -> None:
    spec = template.setdefault("spec", {})
    # A Job may not have restartPolicy Always, so it is not defaulted; validation then says that it is missing.
    given = spec.get("restartPolicy")
    defaults.default(spec)
    if not given:
        del spec["restartPolicy"]


def _default_labels(new: Object) -> None:
    """A Job without labels has those of its template."""
    labels = new["spec"]["template"].get("metadata", {}).get("labels")
    if labels and not new["metadata"].get("labels"):
        # The same mapping, as there: what is generated into the template's labels is then in the Job's too.
        new["metadata"]["labels"] = labels


def _generate_selector(new: Object) -> None:
    """Labels that the template has already stay: if they are not what they should be, validation says so."""
    metadata, spec = new["metadata"], new["spec"]
    uid, name = metadata["uid"], metadata.get("name", "")
    generated = {LEGACY_NAME_LABEL: name, NAME_LABEL: name, LEGACY_UID_LABEL: uid, UID_LABEL: uid}
    template_metadata = spec["template"].setdefault("metadata", {})
    labels = template_metadata.setdefault("labels", {})
    labels |= {key: value for key, value in generated.items() if key not in labels}
    selector = spec.get("selector") or {}
    spec["selector"] = {**selector, "matchLabels": {UID_LABEL: uid, **(selector.get("matchLabels") or {})}}
