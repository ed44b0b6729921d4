"""Objects that are large, or of which there are many."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import RAW, flow, gate, job, job_step, pod, step, template_with, with_raw
from tests.hostile.stage import TERMINAL, Stage
from tests.hostile.tenant import Answer

ATTACKS = Attacks("sizes")
EMPTIES = "[" + ",".join(["{}"] * 400_000) + "]"  # 1.2 MB, and 400,000 objects once it is parsed
ETCD_LIMIT = 1_572_864
TOLD = ("Suspended", "Paused", "Pending", "Running", *TERMINAL)


def of_size(name: str, size: int, **spec: Any) -> bytes:
    """A flow whose JSON has that many bytes."""
    body = flow(name, job_step("big", template=template_with(x=RAW)), **spec)
    empty = len(with_raw(body, '""'))
    return with_raw(body, json.dumps("x" * (size - empty)))


def judged(stage: Stage, name: str, answer: Answer) -> None:
    """Refused with its figures, or served to a status that says so."""
    if answer.ok:
        stage.wait_for_phase(name, *TOLD)
    else:
        assert answer.message


def sized_flow(size: int, **spec: Any) -> Callable[[Stage], Iterator[None]]:
    def deed(stage: Stage) -> Iterator[None]:
        answer = stage.tenant("bob").create("jobflows", of_size("sized", size, **spec))
        yield
        judged(stage, "sized", answer)

    return deed


for _size in (300_000, 800_000, 1_048_576, 1_200_000, 1_500_000, 1_571_000, ETCD_LIMIT):
    ATTACKS.add(f"template-of-{_size}-bytes", sized_flow(_size))
ATTACKS.add("gate-before-a-large-template", sized_flow(1_571_364, suspend=True))


@ATTACKS.attack("fifteen-flows-of-many-small-objects", kills=True)
def many_objects(stage: Stage) -> Iterator[None]:
    """Each is 1.2 MB to the API server, and was 32 MB to a reader that keeps what it has parsed."""
    for n in range(15):
        body = flow(f"heavy-{n}", job_step("a", template=template_with(x=RAW)), suspend=True)
        stage.tenant("bob").create("jobflows", with_raw(body, EMPTIES))
    yield


@ATTACKS.attack("patches-of-a-large-flow")
def many_patches(stage: Stage) -> Iterator[None]:
    body = flow("heavy", job_step("a", template=template_with(x=RAW)), suspend=True)
    bob = stage.tenant("bob")
    bob.create("jobflows", with_raw(body, EMPTIES[:300_000].rpartition(",")[0] + "]"))
    for n in range(30):
        bob.merge("jobflows", "heavy", {"metadata": {"labels": {"n": str(n)}}})
    yield


def many(name: str, *steps: Any, **spec: Any) -> Callable[[Stage], Iterator[None]]:
    """A flow with many parts; the API server or the controller may refuse it."""

    def deed(stage: Stage) -> Iterator[None]:
        answer = stage.tenant("bob").create("jobflows", flow(name, *steps, **spec))
        yield
        judged(stage, name, answer)

    return deed


def small(name: str, *after: str) -> dict[str, Any]:
    """A step whose template has no bytes to spare."""
    containers = [{"name": "main", "image": "busybox", "command": ["true"]}]
    template = {"spec": {"template": {"spec": {"containers": containers}}}}
    return job_step(name, *after, template=template)


_NEVER = {"suspend": True}
ATTACKS.add("two-thousand-steps", many("wide", *(small(f"s{n}") for n in range(2_000)), **_NEVER))
ATTACKS.add(
    "chain-of-two-thousand",
    many("long", *(small(f"s{n}", *((f"s{n - 1}",) if n else ())) for n in range(2_000)), **_NEVER),
)
ATTACKS.add("three-thousand-steps", many("more", *(small(f"s{n}") for n in range(3_000)), **_NEVER))
ATTACKS.add(
    "hundred-dependencies-each",
    many(
        "dense",
        *(small(f"s{n}") for n in range(100)),
        *(small(f"t{n}", *(f"s{m}" for m in range(100))) for n in range(200)),
        **_NEVER,
    ),
)
ATTACKS.add("two-hundred-gates", many("gates", *(gate(f"g{n}") for n in range(200))))
ATTACKS.add("gate-with-a-message-of-100-kilobytes", many("wordy", gate("g", message="word " * 20_000)))
ATTACKS.add(
    "hundred-config-maps",
    many(
        "maps",
        step("a"),
        resourceTemplates={
            "configMapTemplates": [{"metadata": {"name": f"m{n}"}, "data": {"a": "x" * 5_000}} for n in range(100)]
        },
    ),
)
ATTACKS.add(
    "group-of-ten-thousand-characters",
    many("grouped", step("a"), executionPolicy={"concurrencyGroup": "g" * 10_000}),
)
ATTACKS.add(
    "ten-thousand-failure-rules",
    many(
        "rules",
        step("a"),
        executionPolicy={
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [n]}} for n in range(10_000)]
            }
        },
    ),
)
ATTACKS.add(
    "hundred-thousand-exit-codes",
    many(
        "codes",
        step("a"),
        executionPolicy={
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": list(range(100_000))}}]
            }
        },
    ),
)


def crowded(**metadata: Any) -> Callable[[Stage], Iterator[None]]:
    """A flow with much metadata, which runs like any other."""

    def deed(stage: Stage) -> Iterator[None]:
        body = flow("crowded", step("a"))
        body["metadata"].update(metadata)
        answer = stage.tenant("bob").create("jobflows", body)
        yield
        if answer.ok:
            stage.wait_for_phase("crowded", *TERMINAL)

    return deed


ATTACKS.add("thousand-labels", crowded(labels={f"l{n}": "x" * 63 for n in range(1_000)}))
ATTACKS.add("five-thousand-annotations", crowded(annotations={f"a{n}": "x" for n in range(5_000)}))
ATTACKS.add("name-of-253-characters", many("n" * 253, step("a")))


@ATTACKS.attack("marked-pods-with-large-annotations")
def large_pods(stage: Stage) -> Iterator[None]:
    """Pods that bear our label are cached: what they carry beside it is not."""
    for n in range(40):
        made = pod(f"fat-{n}", labels={"workflow.zen.io/flow-uid": "x"}, annotations={"note": "x" * 240_000})
        made["spec"]["schedulingGates"] = [{"name": "zenflow.test/never"}]
        stage.admin.create("pods", made)
    yield


@ATTACKS.attack("marked-jobs-with-large-annotations")
def large_jobs(stage: Stage) -> Iterator[None]:
    for n in range(40):
        made = job(f"fat-{n}", labels={"workflow.zen.io/flow-uid": "x"}, annotations={"note": "x" * 240_000})
        made["spec"]["suspend"] = True
        stage.admin.create("jobs", made)
    yield
