"""JSON that is hard to read: levels, numbers, keys and bytes, wherever a tenant can put them."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import (
    RAW,
    flow,
    job,
    job_step,
    managed,
    nested,
    nested_fields,
    pod,
    step,
    template_with,
    with_raw,
)
from tests.hostile.stage import Stage
from tests.hostile.tenant import Answer

ATTACKS = Attacks("decoding")
DEPTHS = (960, 1_200, 5_000)
UID_LABEL = {"workflow.zen.io/flow-uid": "x", "jobflow": "x"}


def flow_with(raw: str, *, suspend: bool = True) -> bytes:
    """A flow with any JSON inside the Pod template of its step."""
    return with_raw(flow("odd", job_step("odd", template=template_with(x=RAW)), suspend=suspend), raw)


def stored(stage: Stage, name: str, answer: Answer) -> None:
    """Judge a flow that the API server took: it may be refused by the controller, it may not be silent for ever."""
    if answer.ok:
        assert stage.wait_for_phase(name, "Suspended", "Failed", "Succeeded", "Running", "Pending")["phase"]


def deep_flow(depth: int, shape: str, suspend: bool) -> Callable[[Stage], Iterator[None]]:
    def deed(stage: Stage) -> Iterator[None]:
        answer = stage.tenant("bob").create("jobflows", flow_with(nested(depth, shape), suspend=suspend))
        yield
        stored(stage, "odd", answer)

    return deed


for _depth in DEPTHS:
    for _shape in ("object", "array"):
        ATTACKS.add(f"suspended-flow-{_shape}-{_depth}", deep_flow(_depth, _shape, True), kills=_depth == 1_200)
    ATTACKS.add(f"running-flow-{_depth}", deep_flow(_depth, "object", False))


def deep_managed_fields(resource: str, user: str, body: Any) -> Callable[[Stage], Iterator[None]]:
    """An object whose managedFields are deeper than a reader expects; watched or asked for by the controller."""

    def deed(stage: Stage) -> Iterator[None]:
        stage.tenant(user).create(resource, with_raw(body, nested_fields(1_200)))
        yield

    return deed


_GATED = {"schedulingGates": [{"name": "zenflow.test/never"}]}
_POD = pod("deep", labels=UID_LABEL, managedFields=managed())
_POD["spec"].update(_GATED)
_JOB = job("deep", labels=UID_LABEL, managedFields=managed())
_JOB["spec"]["suspend"] = True
_FLOW = flow("deep", step("a"), suspend=True)
_FLOW["metadata"]["managedFields"] = managed()
ATTACKS.add("managed-fields-of-a-pod", deep_managed_fields("pods", "podder", _POD), kills=True)
ATTACKS.add("managed-fields-of-a-pod-by-admin", deep_managed_fields("pods", "", _POD))
ATTACKS.add("managed-fields-of-a-job", deep_managed_fields("jobs", "jobber", _JOB))
ATTACKS.add("managed-fields-of-a-job-by-admin", deep_managed_fields("jobs", "", _JOB), kills=True)
ATTACKS.add("managed-fields-of-a-flow", deep_managed_fields("jobflows", "bob", _FLOW))


def in_the_way(resource: str, kind: str, template: dict[str, Any]) -> Callable[[Stage], Iterator[None]]:
    """An unreadable object that has the name of a resource template."""

    def deed(stage: Stage) -> Iterator[None]:
        body = {"apiVersion": "v1", "kind": kind, **template}
        body["metadata"] = {"name": "data", "managedFields": managed()}
        stage.tenant("mapper").create(resource, with_raw(body, nested_fields(1_200))).stored()
        key = "configMapTemplates" if kind == "ConfigMap" else "volumeClaimTemplates"
        templates = {key: [{"metadata": {"name": "data"}, **template}]}
        stage.tenant("bob").create("jobflows", flow("needs-it", step("a"), resourceTemplates=templates)).stored()
        yield
        status = stage.wait_for_phase("needs-it", "Failed")
        assert "data" in status["message"]

    return deed


_CLAIM = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
ATTACKS.add("config-map-in-the-way", in_the_way("configmaps", "ConfigMap", {"data": {"a": "b"}}))
ATTACKS.add("claim-in-the-way", in_the_way("persistentvolumeclaims", "PersistentVolumeClaim", _CLAIM))

ODD_VALUES = {
    "number-of-400-digits": "1" * 400,
    "number-1e308": "1e308",
    "number-minus-zero": "-0.0",
    "number-1e-400": "1e-400",
    "number-of-64-bits": "18446744073709551615",
    "key-empty": '{"": 1}',
    "key-of-a-megabyte": '{"' + "k" * 1_000_000 + '": 1}',
    "keys-repeated": '{"a": 1, "a": {"a": [1]}, "a": null}',
    "key-with-nul": '{"a\\u0000b": "c\\u0000d"}',
    "lone-surrogate": '"\\ud800"',
    "lone-surrogate-in-key": '{"\\udfff": 1}',
    "hundred-thousand-keys": "{" + ",".join(f'"{n}":{n}' for n in range(100_000)) + "}",
    "null-everywhere": "[" + ",".join(["null"] * 1_000) + "]",
}


def odd_value(raw: str) -> Callable[[Stage], Iterator[None]]:
    def deed(stage: Stage) -> Iterator[None]:
        answer = stage.tenant("bob").create("jobflows", flow_with(raw, suspend=False))
        yield
        stored(stage, "odd", answer)

    return deed


for _name, _raw in ODD_VALUES.items():
    ATTACKS.add(_name, odd_value(_raw))


@ATTACKS.attack("bytes-that-are-no-utf-8")
def no_utf8(stage: Stage) -> Iterator[None]:
    body = flow_with('"@"', suspend=False).replace(b"@", b"\xff\xfe\xc3(")
    answer = stage.tenant("bob").create("jobflows", body)
    yield
    stored(stage, "odd", answer)


@ATTACKS.attack("annotation-of-250-kilobytes")
def large_annotation(stage: Stage) -> Iterator[None]:
    annotations = {"note": '{"a":' * 50_000}
    stage.tenant("bob").create("jobflows", flow("noted", step("a"), annotations=annotations)).stored()
    yield
    assert stage.wait_for_phase("noted", "Succeeded", "Failed")["phase"] == "Succeeded"


@ATTACKS.attack("answers-that-are-no-answers")
def odd_answers(stage: Stage) -> Iterator[None]:
    """Approval annotations as an administrator without admission might have left them."""
    made = flow("asked", {"name": "gate", "type": "Manual"}, suspend=True)
    stage.tenant("alice").create("jobflows", made).stored()
    for value in ("TRUE", "1", "yes", "\x00", "true\n", "🎉" * 1_000):
        stage.tenant("alice").merge(
            "jobflows", "asked", {"metadata": {"annotations": {"approved.workflow.zen.io/gate": value}}}
        )
    stage.tenant("alice").merge("jobflows", "asked", {"spec": {"suspend": False}})
    yield
    assert stage.wait_for_step("asked", "gate", "PendingApproval", "Succeeded")["phase"] == "PendingApproval"
