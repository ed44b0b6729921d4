"""JobFlows whose steps end alike wherever they run: as processes, as busybox containers, and as Pods that kwok fakes.

A step says how long it runs and with which exit code each attempt ends. The command does it where commands run;
annotations (tests/cluster/kwok/stages.yaml) do it where none does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# The last code stands for all later attempts.
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
    """What the containers of a step do."""

    seconds: float = 0
    codes: Sequence[int] = (0,)  # of attempt 1, 2, 3 and later ones


def step(name: str, *after: str, work: Work | None = None, job: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A step that runs after others. `job` adds to the Job's spec, `fields` to the step."""
    doing = work or Work()
    dependencies = {"dependencies": list(after)} if after else {}
    spec = {"template": pod_template(name, doing), **(job or {})}
    return {"name": name, **dependencies, **fields, "template": {"apiVersion": "batch/v1", "kind": "Job", "spec": spec}}


def pod_template(name: str, work: Work) -> dict[str, Any]:
    marks = {"fake.zenflow.test/exit-codes": ",".join(map(str, work.codes))}
    if work.seconds:
        marks["fake.zenflow.test/duration"] = f"{work.seconds}s"
    script = SCRIPT.format(name=name, seconds=work.seconds, codes=" ".join(map(str, work.codes)))
    container = {
        "name": "main",
        "image": "busybox:latest",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "env": [ATTEMPT],
    }
    # One second instead of thirty between the end that a deleted Pod is asked for and the one it gets.
    # No token: nothing here talks to the API server, and each costs the node a volume.
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return {"metadata": {"annotations": marks}, "spec": spec}


def flow(name: str, *steps: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {**spec, "steps": list(steps)},
    }


def layers(name: str, *, depth: int, width: int) -> dict[str, Any]:
    """`depth` layers of `width` steps; each step waits for two of the layer before, so that no column runs alone.

    Their Pods share the node's network: laying one for each of hundreds is most of what they cost.
    """
    steps = []
    for layer in range(depth):
        for column in range(width):
            before = {f"s-{layer - 1}-{each % width}" for each in (column, column + 1)} if layer else set()
            steps.append(step(f"s-{layer}-{column}", *sorted(before)))
            steps[-1]["template"]["spec"]["template"]["spec"]["hostNetwork"] = True
    return flow(name, *steps)
