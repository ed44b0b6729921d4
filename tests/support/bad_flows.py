"""One bad JobFlow for each thing that can be wrong, and the sentence that every wall says about it.

Lint, the webhook, the embedded API server and the controller say `sentence`. A real API server with our CRD and
policies says `server` (the same where it can); where that is empty it has no means to see the fault: a cycle.
"""

from dataclasses import dataclass

from tests.support.jobflows import Object, chain, flow, job, manual, step

UNKNOWN = 'step "load" depends on it and the flow has no step of this name; name a step of this flow or remove it'
LABEL = 'must be at most 63 lower-case letters, digits and "-", with a letter or digit at both ends'
NAME = 'must be at most 63 lower-case letters, digits, "-" and ".", with a letter or digit at both ends'
DURATION = 'must be a duration: a number and a unit (ms, s, m, h), such as "10s" or "1m30s"'
RESERVED = "zenflow sets this label to tell whose Job it is; remove it"
BACKOFF = "spec.steps[0].retryPolicy.backoff"


@dataclass(frozen=True)
class BadFlow:
    """`name` says what is wrong, for test ids."""

    name: str
    obj: Object
    sentence: str
    server: str


def _same(name: str, obj: Object, sentence: str) -> BadFlow:
    return BadFlow(name, obj, sentence, sentence)


def _backoff(**backoff: object) -> Object:
    return flow(step("load", retryPolicy={"backoff": backoff}))


def _template(**more: object) -> Object:
    return flow(step("load", template=job(**more)))


def _padded(size: int) -> Object:
    """A template with a variable that makes a spec of one such step as large, in bytes of JSON."""
    template = job()
    (main,) = template["spec"]["template"]["spec"]["containers"]
    main["env"] = [{"name": "PADDING", "value": "y" * (size - 320)}]
    return template


def _pod_labels(**labels: str) -> Object:
    template = job()
    template["spec"]["template"]["metadata"] = {"labels": labels}
    return flow(step("load", template=template))


BAD_FLOWS = (
    BadFlow(
        "cycle",
        flow(step("a", "b"), step("b", "a")),
        'spec.steps[0].dependencies[0]: Invalid value: "b": cycle of dependencies: a -> b -> a; remove one of them',
        "",
    ),
    BadFlow(
        "unknown-dependency",
        flow(step("extract"), step("load", "extract", "extrct")),
        f'spec.steps[1].dependencies[1]: Not found: "extrct": {UNKNOWN} (did you mean "extract"?)',
        f'spec.steps[1].dependencies[1]: Not found: "extrct": {UNKNOWN}',
    ),
    BadFlow(
        "self-dependency",
        flow(step("a"), step("b", "a", "b")),
        'spec.steps[1].dependencies[1]: Forbidden: step "b" depends on itself; remove it from its dependencies',
        'spec.steps[1].dependencies: Forbidden: step "b" depends on itself; remove it from its dependencies',
    ),
    _same(
        "duplicate-step",
        flow(step("a"), step("b"), step("a")),
        'spec.steps[2].name: Duplicate value: "a": spec.steps[0] already has this name; rename one of them',
    ),
    _same(
        "missing-template",
        flow(step("a", template=None)),
        'spec.steps[0].template: Required value: step "a" has no template; '
        "add the batch/v1 Job to run or set type to Manual",
    ),
    _same(
        "manual-with-template",
        flow(step("a", type="Manual")),
        'spec.steps[0].template: Forbidden: step "a" is Manual and has a template; '
        "remove the template or set type to Job",
    ),
    _same("bad-duration", _backoff(duration="10x"), f'{BACKOFF}.duration: Invalid value: "10x": {DURATION}'),
    _same("negative-duration", _backoff(duration="-5s"), f'{BACKOFF}.duration: Invalid value: "-5s": {DURATION}'),
    BadFlow(
        "huge-factor",
        _backoff(factor=1e300),
        f"{BACKOFF}.factor: Invalid value: 1e+300: should be less than or equal to 100",
        f"{BACKOFF}.factor: Invalid value: 1e+300: {BACKOFF}.factor in body should be less than or equal to 100",
    ),
    _same(
        "wrong-type",
        flow(step("a", type="Pod")),
        'spec.steps[0].type: Unsupported value: "Pod": supported values: "Job", "Manual"',
    ),
    _same(
        "wrong-concurrency-policy",
        flow(step("a"), executionPolicy={"concurrencyPolicy": "forbid"}),
        'spec.executionPolicy.concurrencyPolicy: Unsupported value: "forbid": '
        'supported values: "Allow", "Forbid", "Replace"',
    ),
    _same(
        "when-expression",
        flow(step("a", when="{{ steps.b }}")),
        'spec.steps[0].when: Invalid value: "{{ steps.b }}": '
        'use "always" or "true" to run the step, "never" or "false" to skip it',
    ),
    BadFlow(
        "when-without-quotes",
        flow(step("a", when=True)),
        'spec.steps[0].when: Invalid value: true: must be of type string; write it in quotes: "true"',
        "spec.steps[0].when in body must be of type string",
    ),
    _same("long-step-name", flow(step("x" * 64)), f'spec.steps[0].name: Invalid value: "{"x" * 64}": {LABEL}'),
    _same("bad-step-name", flow(step("Load_1")), f'spec.steps[0].name: Invalid value: "Load_1": {LABEL}'),
    _same(
        "long-flow-name",
        flow(step("a"), metadata={"name": "x" * 64}),
        f'metadata.name: Invalid value: "{"x" * 64}": {NAME}',
    ),
    BadFlow(
        "negative-timeout",
        flow(step("a", timeoutSeconds=-1)),
        "spec.steps[0].timeoutSeconds: Invalid value: -1: should be greater than or equal to 1",
        "spec.steps[0].timeoutSeconds in body should be greater than or equal to 1",
    ),
    BadFlow(
        "number-in-quotes",
        flow(step("a", timeoutSeconds="60")),
        'spec.steps[0].timeoutSeconds: Invalid value: "60": must be of type integer; write it without quotes',
        "spec.steps[0].timeoutSeconds in body must be of type integer",
    ),
    BadFlow(
        "duration-for-seconds",
        flow(step("a", timeoutSeconds="10m")),
        'spec.steps[0].timeoutSeconds: Invalid value: "10m": must be of type integer; '
        "write the seconds as a number: 600",
        "spec.steps[0].timeoutSeconds in body must be of type integer",
    ),
    BadFlow(
        "word-for-a-number",
        flow(step("a", timeoutSeconds="ten")),
        'spec.steps[0].timeoutSeconds: Invalid value: "ten": must be of type integer; write a whole number',
        "spec.steps[0].timeoutSeconds in body must be of type integer",
    ),
    BadFlow(
        "duration-without-a-unit",
        _backoff(duration=10),
        f'{BACKOFF}.duration: Invalid value: 10: must be of type string; write it with a unit: "10s"',
        "spec.steps[0].retryPolicy.backoff.duration in body must be of type string",
    ),
    BadFlow(
        "duration-that-none-can-be",
        _backoff(duration=-10),
        f"{BACKOFF}.duration: Invalid value: -10: must be of type string; {DURATION}",
        "spec.steps[0].retryPolicy.backoff.duration in body must be of type string",
    ),
    BadFlow(
        "label-too-long",
        flow(step("a"), metadata={"labels": {"a": "x" * 64}}),
        f'metadata.labels[a]: Invalid value: "{"x" * 64}": a label is at most 63 letters, digits, "-", "_" and ".", '
        "with a letter or digit at both ends; write it so, or make it an annotation",
        "must be no more than 63",
    ),
    BadFlow(
        "label-of-the-pod-too-long",
        _pod_labels(team="x" * 64),
        f'spec.steps[0].template.spec.template.metadata.labels[team]: Invalid value: "{"x" * 64}": '
        'a label is at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends; '
        "write it so, or make it an annotation",
        "",
    ),
    BadFlow(
        "escape-sequence",
        flow(manual("a", message="\x1b[2J")),
        'spec.steps[0].message: Invalid value: "\\u001b[2J": must not contain control characters or marks that reorder '
        "text; remove them",
        "must not contain control characters or marks that reorder text; remove them",
    ),
    BadFlow(
        "no-steps",
        flow(),
        "spec.steps: Invalid value: 0: should have at least 1 items; add one",
        "spec.steps in body should have at least 1 items",
    ),
    _same(
        "too-many-dependencies",
        flow(*(step(f"s{i}") for i in range(101)), step("all", *(f"s{i}" for i in range(101)))),
        "spec.steps[101].dependencies: Too many: 101: must have at most 100 items",
    ),
    _same(
        "too-many-steps",
        chain(2001),
        "spec.steps: Too many: 2001: must have at most 2000 items",
    ),
    _same(
        "no-room-for-its-status",
        flow(
            step("a", template=_padded(1_571_000)),
            executionPolicy={"concurrencyPolicy": "Forbid", "ttlSecondsAfterFinished": 60},
        ),
        "spec: Too long: its 1571000 bytes and 240 bytes of status for each of its steps, 1, are more than the 1430000 "
        "that fit into one object; make templates smaller or split the flow",
    ),
    BadFlow(
        "too-many-values",
        flow(
            step("a", template=job(spec={"x": [{}] * 60_000, "template": {"spec": {"containers": [{"name": "m"}]}}})),
            executionPolicy={"concurrencyPolicy": "Forbid", "ttlSecondsAfterFinished": 60},
        ),
        "spec: Too many: 120016: must have at most 100000 values in its objects and lists; make templates smaller",
        "",
    ),
    _same(
        "template-of-a-pod",
        _template(kind="Pod"),
        'spec.steps[0].template.kind: Unsupported value: "Pod": supported values: "Job"',
    ),
    BadFlow(
        "template-without-spec",
        flow(step("a", template={"kind": "Job"})),
        "spec.steps[0].template.spec: Required value: the template has no spec; add the Job's spec",
        "spec.steps[0].template.spec: Required value",
    ),
    _same(
        "template-of-another-namespace",
        _template(metadata={"namespace": "prod"}),
        'spec.steps[0].template.metadata.namespace: Invalid value: "prod": '
        'Jobs run in the namespace of their flow, "data"; remove it',
    ),
    _same(
        "template-with-owner",
        _template(metadata={"ownerReferences": [{"kind": "Pod", "name": "p", "uid": "1", "apiVersion": "v1"}]}),
        "spec.steps[0].template.metadata.ownerReferences: Forbidden: the flow owns its Jobs; remove it",
    ),
    _same(
        "template-with-finalizer",
        _template(metadata={"finalizers": ["example.com/hold"]}),
        "spec.steps[0].template.metadata.finalizers: Forbidden: a flow must be able to delete its Jobs; remove it",
    ),
    _same(
        "reserved-label-on-the-job",
        _template(metadata={"labels": {"jobflow": "other"}}),
        f'spec.steps[0].template.metadata.labels[jobflow]: Invalid value: "other": {RESERVED}',
    ),
    _same(
        "reserved-label-on-the-pod",
        _pod_labels(**{"workflow.zen.io/step": "other"}),
        "spec.steps[0].template.spec.template.metadata.labels[workflow.zen.io/step]: "
        f'Invalid value: "other": {RESERVED}',
    ),
    BadFlow(
        "job-name-label-on-the-pod",
        _pod_labels(**{"job-name": "train"}),
        'spec.steps[0].template.spec.template.metadata.labels[job-name]: Invalid value: "train": '
        "Kubernetes sets this label to the name of each Job; "
        "remove it; workflow.zen.io/step and jobflow are the labels that select the Pods of a step",
        "",
    ),
    BadFlow(
        "selector-of-ones-own",
        _template(spec={**job()["spec"], "selector": {"matchLabels": {"app": "etl"}}}),
        "spec.steps[0].template.spec.selector: Invalid value: Kubernetes selects the Pods of a Job by its UID; "
        "remove it, or set manualSelector: true if you know that no other Pods match it",
        "",
    ),
    BadFlow(
        "exit-code-out-of-range",
        flow(
            step("a"),
            executionPolicy={"podFailurePolicy": {"rules": [{"onExitCodes": {"operator": "In", "values": [300]}}]}},
        ),
        "spec.executionPolicy.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 300: "
        "should be less than or equal to 255",
        "should be less than or equal to 255",
    ),
    BadFlow(
        "two-config-maps-of-one-name",
        flow(step("a"), resourceTemplates={"configMapTemplates": [{"metadata": {"name": "c"}}] * 2}),
        'spec.resourceTemplates.configMapTemplates[1].metadata.name: Duplicate value: "c": '
        "spec.resourceTemplates.configMapTemplates[0] already has this name; rename one of them",
        'spec.resourceTemplates.configMapTemplates: Duplicate value: "c": rename one of them',
    ),
    BadFlow(
        "nameless",
        flow(step("a"), metadata={"name": None}),
        "metadata.name: Required value: name or generateName is required; give the flow a name",
        "metadata.name: Required value: name or generateName is required",
    ),
)
