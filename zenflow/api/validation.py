"""Everything that can be wrong with a JobFlow on its own, all of it at once.

Called by `zenflow lint`, by admission and by the controller on the raw decoded object, so that all three
say the same. It knows nothing of other objects. The fields inside of templates are checked where a schema of Jobs is
given; what they mean is left to the API server, which judges the Jobs made of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from pydantic import ValidationError

from zenflow.api import dependencies, formats, sizes, templates
from zenflow.api.job_schema import JobSchema
from zenflow.api.labels import check_annotations, check_labels
from zenflow.api.names import API_VERSION, KIND
from zenflow.api.problems import Problem, Reason, path, quote
from zenflow.api.translation import of_format, of_type, translate, unsupported
from zenflow.api.types import MAX_STEPS, JobFlow, JobFlowSpec

MAX_PROBLEMS = 1000
# Levels of arrays and objects within a spec; a Job needs a dozen. Far below where anything that reads it would give up.
MAX_DEPTH = 100

_NAMES = (
    ("name", formats.FLOW_NAME),
    ("generateName", formats.NAME_PREFIX),
    ("namespace", formats.NAMESPACE),
)


class InvalidFlow(ValueError):
    """A JobFlow that must not run, with every problem it has."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems[:10])))
        self.problems = problems


def check(obj: Mapping[str, Any], jobs: JobSchema | None = None, *, raw: bytes | None = None) -> tuple[Problem, ...]:
    """Every problem of a decoded JobFlow (the first 1,000 of them), in linear time; none: `parse` will accept it.

    With `jobs`, templates are as strict as kubectl: unknown fields and wrong types in them are problems. Unknown fields
    of the flow itself are silent, as the API server prunes them. An object of another kind gets that one problem only.
    Nothing inside a list that is over its limit is looked at, nor inside a spec that is nested too deep or has too many
    values. `raw` is the spec as the API server wrote it, where that is known.
    """
    identity = tuple(_check_identity(obj))
    if any(problem.field == "kind" for problem in identity):
        return identity
    if is_deep(obj.get("spec")):
        return (*identity, _too_deep(obj["spec"]))
    size = tuple(_check_size(obj.get("spec"), raw))
    if any(problem.reason is Reason.TOO_MANY for problem in size):
        return (*identity, *size)
    found = tuple(islice(chain(identity, _check_metadata(obj), size, _check_spec(obj)), MAX_PROBLEMS))
    return found if jobs is None else (*found, *_check_jobs(obj, jobs, found))


def check_update(obj: Mapping[str, Any], old: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What may not change any more: `steps` and `resourceTemplates` of a flow that has started. Both must be valid."""
    if not (old.get("status") or {}).get("startTime"):
        return ()
    new_spec, old_spec = _spec(obj), _spec(old)
    changed = (
        ("steps", new_spec.steps != old_spec.steps),
        ("resourceTemplates", new_spec.resource_templates != old_spec.resource_templates),
    )
    message = "the flow has started and this can't change any more"
    return tuple(
        Problem(path("spec", key), "", message, "create a new flow instead", Reason.FORBIDDEN)
        for key, differs in changed
        if differs
    )


def parse(obj: Mapping[str, Any]) -> JobFlow:
    """The JobFlow as values. Raises InvalidFlow with every problem when it is not a good one."""
    problems = check(obj)
    if problems:
        raise InvalidFlow(problems)
    try:
        return JobFlow.model_validate(obj, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidFlow(tuple(translate(error, ""))) from None


def is_deep(value: Any, levels: int = MAX_DEPTH) -> bool:
    """Whether arrays and objects are nested more than so many levels deep, the outermost counted. Does not recurse."""
    level = [value]
    for _ in range(levels):
        level = [child for parent in level for child in _children(parent)]
    return any(isinstance(each, dict | list) for each in level)


def _children(parent: Any) -> Iterable[Any]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


def _too_deep(spec: Any) -> Problem:
    """Names the step, where it is one; its own levels are two less than those of the spec around it."""
    steps = spec.get("steps") if isinstance(spec, dict) else None
    found = steps if isinstance(steps, list) else ()
    fields = (path("spec.steps", i) for i, step in enumerate(found) if is_deep(step, MAX_DEPTH - 2))
    return Problem(next(fields, "spec"), "", f"is nested more than {MAX_DEPTH} levels deep", "make it flatter")


def _spec(obj: Mapping[str, Any]) -> JobFlowSpec:
    return JobFlowSpec.model_validate(obj["spec"], by_alias=True, by_name=False)


def _check_identity(obj: Mapping[str, Any]) -> Iterator[Problem]:
    for field, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if obj.get(field) is None:
            yield Problem(field, "", "", f"write {field}: {expected}", Reason.REQUIRED)
        elif obj[field] != expected:
            yield unsupported(field, obj[field], expected)


def _check_metadata(obj: Mapping[str, Any]) -> Iterator[Problem]:
    metadata = obj.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        yield of_type("metadata", metadata, "object")
        return
    metadata = metadata or {}
    if not metadata.get("name") and not metadata.get("generateName"):
        message = "name or generateName is required"
        yield Problem("metadata.name", "", message, "give the flow a name", Reason.REQUIRED)
    for key, shape in _NAMES:
        value = metadata.get(key)
        if value and not isinstance(value, str):
            yield of_type(path("metadata", key), value, "string")
        elif value and not shape.matches(value):
            yield of_format(path("metadata", key), value, shape)
    yield from check_labels(metadata.get("labels"), "metadata.labels")
    yield from check_annotations(metadata.get("annotations"), "metadata.annotations")


def _check_size(spec: Any, raw: bytes | None) -> Iterator[Problem]:
    steps = spec.get("steps") if isinstance(spec, Mapping) else None
    count = len(steps) if isinstance(steps, list | tuple) else 0
    return sizes.check(sizes.encode(spec) if raw is None else raw, count)


def _check_spec(obj: Mapping[str, Any]) -> Iterator[Problem]:
    spec = obj.get("spec")
    if spec is None:
        yield Problem("spec", "", "", "add spec with its steps", Reason.REQUIRED)
        return
    try:
        JobFlowSpec.model_validate(spec, by_alias=True, by_name=False)
    except ValidationError as error:
        yield from translate(error, "spec")
    if isinstance(spec, Mapping):
        yield from _check_steps(spec.get("steps"), _namespace(obj))
        yield from _check_resource_templates(spec.get("resourceTemplates"))


def _check_jobs(obj: Mapping[str, Any], jobs: JobSchema, known: tuple[Problem, ...]) -> Iterator[Problem]:
    """What the schema of Jobs adds to the problems that are known: one for each field is enough."""
    spec = obj.get("spec")
    steps = spec.get("steps") if isinstance(spec, Mapping) else None
    if isinstance(steps, list | tuple) and len(steps) <= MAX_STEPS and len(known) < MAX_PROBLEMS:
        fields = {problem.field for problem in known}
        found = jobs.check(spec, MAX_PROBLEMS - len(known))
        yield from (problem for problem in found if problem.field not in fields)


def _namespace(obj: Mapping[str, Any]) -> str:
    metadata = obj.get("metadata")
    found = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, str) else ""


def _check_steps(steps: Any, namespace: str) -> Iterator[Problem]:
    if isinstance(steps, list | tuple) and len(steps) <= MAX_STEPS:
        yield from templates.check(steps, "spec.steps", namespace)
        yield from dependencies.check(steps, "spec.steps")


def _check_resource_templates(resources: Any) -> Iterator[Problem]:
    """Names of claims and of ConfigMaps are each unique: two templates of one name would be one object."""
    for key in ("volumeClaimTemplates", "configMapTemplates"):
        found = resources.get(key) if isinstance(resources, Mapping) else None
        first: dict[str, int] = {}
        for i, template in enumerate(found if isinstance(found, list) else ()):
            metadata = template.get("metadata") if isinstance(template, Mapping) else None
            name = metadata.get("name") if isinstance(metadata, Mapping) else None
            if isinstance(name, str) and first.setdefault(name, i) != i:
                field = path("spec.resourceTemplates", key)
                message = f"{path(field, first[name])} already has this name"
                where = path(field, i, "metadata", "name")
                yield Problem(where, quote(name), message, "rename one of them", Reason.DUPLICATE)
