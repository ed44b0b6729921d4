"""What is wrong with a change of a Job's status. Strict, because spec.managedBy lets others than the Job controller
write it.
"""

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.kinds.checks import Fields, non_negative
from zenflow.local.apiserver.kinds.job_policies import parse_indexes
from zenflow.local.apiserver.kinds.strategy import Frozen
from zenflow.runtime.errors import Cause

_COUNTERS = ("active", "succeeded", "failed", "ready", "terminating")
_AT = "status.conditions"


class _Status:
    """One status with the questions that the rules ask."""

    def __init__(self, job: Frozen) -> None:
        self.spec: Fields = job["spec"]
        self.fields: Fields = job.get("status") or {}
        conditions = self.fields.get("conditions") or ()
        self._true = {c.get("type") for c in conditions if c.get("status") == "True"}
        self.resumed = any((c.get("type"), c.get("status")) == ("Suspended", "False") for c in conditions)

    def has(self, *types: str) -> bool:
        """Whether all these conditions are true."""
        return self._true >= set(types)

    @property
    def finished(self) -> bool:
        return self.has("Complete") or self.has("Failed")

    def number(self, name: str) -> int:
        value: int = self.fields.get(name) or 0
        return value


def problems(job: Frozen, old_job: Frozen) -> list[Cause]:
    """Everything that is wrong. What did not change is not looked at, so that other changes stay possible."""
    new, old = _Status(job), _Status(old_job)
    found = non_negative(new.fields, _COUNTERS, "status")
    found += _condition_problems(new, old) + _time_problems(new, old) + _finished_problems(new, old)
    found += _index_problems(new, old) + _transition_problems(new, old)
    return found


def _said(why: str, at: str = _AT) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {why}", at)


def _changed(new: _Status, old: _Status, *names: str) -> bool:
    return any(new.fields.get(name) != old.fields.get(name) for name in names)


def _turned(new: _Status, old: _Status, *types: str) -> bool:
    return any(new.has(type_) != old.has(type_) for type_ in types)


def _condition_problems(new: _Status, old: _Status) -> list[Cause]:
    found = []
    if new.has("Complete", "Failed") and _turned(new, old, "Complete", "Failed"):
        found.append(_said("cannot set Complete=True and Failed=true conditions"))
    if new.has("Complete", "FailureTarget") and _turned(new, old, "Complete", "FailureTarget"):
        found.append(_said("cannot set Complete=True and FailureTarget=true conditions"))
    found += _unannounced(new, old)
    found += [
        _said(f"cannot set SuccessCriteriaMet=True and {type_}=true conditions")
        for type_ in ("Failed", "FailureTarget")
        if new.has("SuccessCriteriaMet", type_)
    ]
    if new.spec.get("successPolicy") is not None and new.has("Complete") and not new.has("SuccessCriteriaMet"):
        why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        found.append(_said(why))
    return found


def _unannounced(new: _Status, old: _Status) -> list[Cause]:
    """An end without the condition that says that it comes."""
    found = []
    failing = _turned(new, old, "Failed") or _changed(new, old, "failedIndexes")
    if failing and new.has("Failed") and not new.has("FailureTarget"):
        found.append(_said("cannot set Failed=True condition without the FailureTarget=true condition"))
    completing = _turned(new, old, "Complete", "SuccessCriteriaMet")
    if completing and new.has("Complete") and not new.has("SuccessCriteriaMet"):
        found.append(_said("cannot set Complete=True condition without the SuccessCriteriaMet=true condition"))
    return found


def _time_problems(new: _Status, old: _Status) -> list[Cause]:
    started, completed = new.fields.get("startTime"), new.fields.get("completionTime")
    at = "status.completionTime"
    found = []
    if _turned(new, old, "Complete") or _changed(new, old, "completionTime"):
        if completed is not None and not new.has("Complete"):
            why = "cannot set completionTime when there is no Complete=True condition"
            found.append(field_errors.invalid(at, completed, why))
        if completed is None and new.has("Complete"):
            found.append(field_errors.required(at, "completionTime is required for Complete jobs"))
    if started and completed and completed < started and _changed(new, old, "startTime", "completionTime"):
        found.append(field_errors.invalid(at, completed, "must be equal to or after `startTime`"))
    return found


def _finished_problems(new: _Status, old: _Status) -> list[Cause]:
    found: list[Cause] = []
    ended = new.finished != old.finished
    if new.finished and new.number("active") and (ended or _changed(new, old, "active")):
        why = "active>0 is invalid for finished job"
        found.append(field_errors.invalid("status.active", new.number("active"), why))
    never_began = new.spec.get("suspend") is True and new.spec.get("completions") == 0
    started = new.fields.get("startTime") or never_began
    if new.finished and not started and (ended or _changed(new, old, "startTime")):
        found.append(field_errors.required("status.startTime", "startTime is required for finished job"))
    uncounted = new.fields.get("uncountedTerminatedPods") or {}
    if new.finished and any(uncounted.values()) and (ended or _changed(new, old, "uncountedTerminatedPods")):
        why = "must be empty for finished job"
        found.append(field_errors.invalid("status.uncountedTerminatedPods", uncounted, why))
    if new.finished and new.number("terminating") and (ended or _changed(new, old, "terminating")):
        why = "terminating>0 is invalid for finished job"
        found.append(field_errors.invalid("status.terminating", new.number("terminating"), why))
    if new.number("ready") > new.number("active") and _changed(new, old, "ready", "active"):
        why = "cannot set more ready pods than active"
        found.append(field_errors.invalid("status.ready", new.number("ready"), why))
    return found


def _index_problems(new: _Status, old: _Status) -> list[Cause]:
    completions = new.spec.get("completions")
    completed, failed = new.fields.get("completedIndexes") or "", new.fields.get("failedIndexes")
    found: list[Cause] = []
    if _changed(new, old, "completedIndexes"):
        if completions is not None:
            found += _unreadable(completed, completions, "completedIndexes")
        if completed and new.spec.get("completionMode") != "Indexed":
            why = "cannot set non-empty completedIndexes when non-indexed completion mode"
            found.append(field_errors.invalid("status.completedIndexes", completed, why))
    if failed is not None and _changed(new, old, "failedIndexes"):
        if new.spec.get("backoffLimitPerIndex") is None:
            why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
            found.append(field_errors.invalid("status.failedIndexes", failed, why))
        elif completions is not None:
            found += _unreadable(failed, completions, "failedIndexes")
    return found


def _unreadable(indexes: str, completions: int, name: str) -> list[Cause]:
    try:
        parse_indexes(indexes, completions)
    except ValueError as wrong:
        return [field_errors.invalid(f"status.{name}", indexes, f"error parsing {name}: {wrong}")]
    return []


def _transition_problems(new: _Status, old: _Status) -> list[Cause]:
    """What is over stays over, and counters do not go back."""
    found = [
        _said(f"cannot disable the terminal {type_}=True condition")
        for type_ in ("Failed", "Complete", "FailureTarget")
        if old.has(type_) and not new.has(type_)
    ]
    scalable = new.spec.get("completionMode") == "Indexed" and new.spec.get("completions") == new.spec.get(
        "parallelism"
    )
    for name in ("failed", "succeeded"):
        if new.number(name) < old.number(name) and (name == "failed" or not scalable):
            why = f"cannot decrease the {name} counter"
            found.append(field_errors.invalid(f"status.{name}", new.number(name), why))
    before, now = old.fields.get("completionTime"), new.fields.get("completionTime")
    if before is not None and now is not None and before != now:
        found.append(field_errors.invalid("status.completionTime", now, "field is immutable"))
    found += _start_problems(new, old)
    if old.has("SuccessCriteriaMet") and not new.has("SuccessCriteriaMet"):
        found.append(_said("cannot disable the SuccessCriteriaMet=True condition"))
    return found


def _start_problems(new: _Status, old: _Status) -> list[Cause]:
    before, now = old.fields.get("startTime"), new.fields.get("startTime")
    resuming = old.has("Suspended") and new.resumed
    if before is None or before == now or new.spec.get("suspend") or resuming:
        return []
    return [field_errors.invalid("status.startTime", now, "field is immutable for unsuspended job once set")]
