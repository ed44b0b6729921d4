"""JobFlows whose steps end alike wherever they run: as processes, as busybox containers, and as Pods that kwok fakes.

A step says how long it runs and with which exit code each attempt ends. The command does it where commands run;
annotations (tests/cluster/kwok/stages.yaml) do it where none does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# The last code stands for all later attempts. What is echoed last is what a failed step's status tells.
SCRIPT = """\
echo "step {name}, attempt $ATTEMPT"
sleep {seconds}
set -- {codes}
while [ "$ATTEMPT" -gt 1 ] && [ $# -gt 1 ]; do shift; ATTEMPT=$((ATTEMPT - 1)); done
exit "$1"
"""
ATTEMPT = {"name": "ATTEMPT", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['workflow.zen.io/attempt']"}}}


@dataclass(frozen=True)
class Work:
    """What the containers of a step do. Codes are those of attempt 1, 2, 3 and later ones.

    `first` are init containers, `beside` more containers, both by name with their codes.
    """

    seconds: float = 0
    codes: Sequence[int] = (0,)
    container: str = "main"
    first: Mapping[str, Sequence[int]] = field(default_factory=dict)
    beside: Mapping[str, Sequence[int]] = field(default_factory=dict)


def step(name: str, *after: str, work: Work | None = None, job: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A step that runs after others. `job` adds to the Job's spec, `fields` to the step."""
    doing = work or Work()
    dependencies = {"dependencies": list(after)} if after else {}
    spec = {"template": pod_template(name, doing), **(job or {})}
    return {"name": name, **dependencies, **fields, "template": {"apiVersion": "batch/v1", "kind": "Job", "spec": spec}}


def pod_template(name: str, work: Work) -> dict[str, Any]:
    marks = {"fake.zenflow.test/exit-codes": ",".join(map(str, work.codes))}
    marks["fake.zenflow.test/message"] = f"step {name}, fake"
    for each, codes in {**work.first, **work.beside}.items():
        marks[f"fake.zenflow.test/exit-codes.{each}"] = ",".join(map(str, codes))
    if work.seconds:
        marks["fake.zenflow.test/duration"] = f"{work.seconds}s"
    containers = {work.container: work.codes, **work.beside}
    # One second instead of thirty between the end that a deleted Pod is asked for and the one it gets.
    # No token: nothing here talks to the API server, and each costs the node a volume.
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
    }
    spec["containers"] = [container(each, name, work.seconds, codes) for each, codes in containers.items()]
    if work.first:
        spec["initContainers"] = [container(each, name, 0, codes) for each, codes in work.first.items()]
    return {"metadata": {"annotations": marks}, "spec": spec}


def container(name: str, step: str, seconds: float, codes: Sequence[int]) -> dict[str, Any]:
    script = SCRIPT.format(name=step, seconds=seconds, codes=" ".join(map(str, codes)))
    return {
        "name": name,
        "image": "busybox:latest",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "env": [ATTEMPT],
    }


def flow(name: str, *steps: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {**spec, "steps": list(steps)},
    }


def policy(**fields: Any) -> dict[str, Any]:
    """A flow's `executionPolicy`, for `flow(…, **policy(…))`."""
    return {"executionPolicy": fields}


def retry(limit: int, kind: str = "Fixed", **backoff: Any) -> dict[str, Any]:
    """A step's `retryPolicy`, for `step(…, **retry(…))`; waits of a second where nothing else is said."""
    return {"retryPolicy": {"limit": limit, "backoff": {"type": kind, "duration": "1s", **backoff}}}


def on_host_network(*flows: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """The same flows; their Pods share the node's network: to lay one for each is most of what a Pod costs there."""
    for made in flows:
        for each in made["spec"]["steps"]:
            if "template" in each:
                each["template"]["spec"]["template"]["spec"]["hostNetwork"] = True
    return flows


def layers(name: str, *, depth: int, width: int) -> dict[str, Any]:
    """`depth` layers of `width` steps; each step waits for two of the layer before, so that no column runs alone."""
    steps = []
    for layer in range(depth):
        for column in range(width):
            before = {f"s-{layer - 1}-{each % width}" for each in (column, column + 1)} if layer else set()
            steps.append(step(f"s-{layer}-{column}", *sorted(before)))
    return on_host_network(flow(name, *steps))[0]


def on_exit_42(action: str = "Ignore") -> dict[str, Any]:
    """A `podFailurePolicy` of one rule."""
    return {"rules": [{"action": action, "onExitCodes": {"operator": "In", "values": [42]}}]}
