"""JobFlows as people write them: decoded YAML, small, valid unless told otherwise."""

from typing import Any

Object = dict[str, Any]


def job(**more: Any) -> Object:
    """A template that runs `true`."""
    pod = {"containers": [{"name": "main", "image": "busybox:latest", "command": ["true"]}], "restartPolicy": "Never"}
    return {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": pod}}, **more}


def step(name: str, *dependencies: str, **more: Any) -> Object:
    """A Job step; `template=None` leaves the template out."""
    found = {"name": name, "dependencies": list(dependencies), "template": job(), **more}
    return {key: value for key, value in found.items() if value not in (None, [])}


def manual(name: str, *dependencies: str, **more: Any) -> Object:
    """A Manual step."""
    return step(name, *dependencies, type="Manual", template=None, **more)


def flow(*steps: Any, metadata: Object | None = None, **spec: Any) -> Object:
    """A JobFlow `etl` in the namespace `data`; a member of metadata that is None is left out."""
    found = {"name": "etl", "namespace": "data", **(metadata or {})}
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {key: value for key, value in found.items() if value is not None},
        "spec": {"steps": list(steps), **spec},
    }


def stored(obj: Object) -> Object:
    """The object as an API server returns it after a create."""
    given = {"uid": "u-1", "resourceVersion": "1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**obj, "metadata": {**obj["metadata"], **given}}


def chain(length: int) -> Object:
    """Each step depends on the one before."""
    return flow(*(step(f"s{i}", *([f"s{i - 1}"] if i else [])) for i in range(length)))


def layers(count: int, width: int) -> Object:
    """Each step depends on every step of the layer before."""
    names = [[f"l{layer}-{i}" for i in range(width)] for layer in range(count)]
    return flow(*(step(name, *(names[n - 1] if n else ())) for n, layer in enumerate(names) for name in layer))
