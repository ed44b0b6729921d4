"""Requests made from a seed: what clients send to an API server, right and wrong.

A request may depend on what was answered before (a resourceVersion, a UID), and each server has answered with its
own, so a step is a function from what one server has said to the request it gets next.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from zenflow.runtime.transport import JSON, JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, Request, Response

Object = dict[str, Any]


@dataclass(slots=True)
class Answers:
    """What one server has said: the latest version of each object by path, and a stale one."""

    latest: dict[str, Object] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)  # path -> an earlier resourceVersion
    token: str = ""  # of the last page

    def learn(self, request: Request, response: Response) -> None:
        """Remember the object of a successful answer."""
        if not is_json(response):
            return
        body = msgspec.json.decode(response.body)
        if request.param("limit"):
            self.token = body.get("metadata", {}).get("continue", "")
        is_object = "metadata" in body and "items" not in body and body.get("kind") != "Status"
        if not is_object or response.status >= 300 or request.param("dryRun"):
            return
        path = request.path.removesuffix("/status")
        name = body["metadata"].get("name", "")
        if request.method == "POST":
            path = f"{path}/{name}"
        before = self.latest.get(path)
        if before and before["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            self.stale[path] = before["metadata"]["resourceVersion"]
        self.latest[path] = body


def is_json(response: Response) -> bool:
    """Some refusals are a bare page of text."""
    return response.headers.get("content-type", "").startswith("application/json")


Step = Callable[[Answers], Request]


def pod_spec() -> Object:
    return {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["true"]}]}


def config_map(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": "value"}}


def secret(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"key": "eA=="}}


def pod(name: str) -> Object:
    """With a gate, so that no scheduler touches it, and with what the plug-in for service accounts would put in."""
    gate = {"schedulingGates": [{"name": "example.com/wait"}]}
    spec = {**pod_spec(), **gate, "serviceAccountName": "default", "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def lease(name: str) -> Object:
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}


def job(name: str) -> Object:
    """Managed by nobody, so that no Job controller writes into it."""
    spec = {"managedBy": "example.com/nobody", "suspend": True, "template": {"spec": pod_spec()}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def jobflow(name: str) -> Object:
    steps = [{"name": "a", "template": {"spec": {"template": {"spec": pod_spec()}}}}]
    metadata = {"name": name}
    return {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "metadata": metadata, "spec": {"steps": steps}}


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type under test; `change` is a merge patch that its schema allows."""

    root: str
    plural: str
    make: Callable[[str], Object]
    change: Object
    bad: tuple[Object, ...] = ()  # merge patches onto a good object that its schema refuses
    strategic: tuple[Object, ...] = ()  # strategic merge patches, right and wrong
    has_status: bool = False

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        parts = (self.root, "namespaces", namespace, self.plural, name, subresource)
        return "/".join(part for part in parts if part)


_FINALIZERS = (
    {"metadata": {"finalizers": ["example.com/one"]}},
    {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/one"]}},
    {"metadata": {"labels": {"$patch": "replace", "only": "this"}}},
    {"metadata": {"labels": None}},
    {"metadata": {"labels": {"color": None, "shape": "round"}}},
)
KINDS = (
    Kind(
        "/api/v1",
        "configmaps",
        config_map,
        {"data": {"more": "x"}},
        ({"data": {"a/b": "x"}}, {"data": {"n": 1}}, {"binaryData": {"key": "eA=="}}, {"binaryData": {"b": "?"}}),
        (*_FINALIZERS, {"data": {"$patch": "replace", "new": "x"}}, {"data": {"key": None}}),
    ),
    Kind(
        "/api/v1",
        "secrets",
        secret,
        {"stringData": {"more": "x"}},
        ({"data": {"a/b": "eA=="}}, {"data": {"n": "?"}}, {"type": "kubernetes.io/tls"}),
        (*_FINALIZERS, {"data": {"key": None}}, {"stringData": {"b": "c"}}, {"immutable": True}),
    ),
    Kind(
        "/api/v1",
        "pods",
        pod,
        {"spec": {"activeDeadlineSeconds": 99}},
        (
            {"spec": {"restartPolicy": "Always"}},
            {"spec": {"containers": []}},
            {"spec": {"nodeSelector": {"-a": "b"}}},
            {"spec": {"schedulingGates": [{"name": "example.com/other"}]}},
        ),
        (
            *_FINALIZERS,
            {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}},
            {"spec": {"containers": [{"name": "other", "image": "busybox"}]}},
            {"spec": {"containers": [{"name": "main", "$patch": "delete"}]}},
            {"spec": {"containers": [{"image": "busybox"}]}},
            {"spec": {"tolerations": [{"key": "a", "operator": "Exists"}]}},
        ),
    ),
    Kind(
        "/apis/coordination.k8s.io/v1",
        "leases",
        lease,
        {"spec": {"holderIdentity": "you"}},
        ({"spec": {"leaseDurationSeconds": -1}}, {"spec": {"leaseDurationSeconds": "x"}}),
    ),
    Kind(
        "/apis/batch/v1",
        "jobs",
        job,
        {"spec": {"activeDeadlineSeconds": 99}},
        (
            {"spec": {"parallelism": -1}},
            {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}},
            {"spec": {"template": {"spec": {"containers": []}}}},
            {"spec": {"backoffLimit": "many"}},
        ),
    ),
    Kind(
        "/apis/workflow.zen.io/v1alpha1",
        "jobflows",
        jobflow,
        {"spec": {"suspend": True}},
        (
            {"spec": {"steps": []}},
            {"spec": {"steps": None}},
            {"spec": {"suspend": "yes"}},
            {"spec": {"steps": [{"name": "Bad_Name", "template": {}}]}},
            {"spec": {"executionPolicy": {"concurrencyPolicy": "Sometimes"}}},
            {"spec": {"executionPolicy": {"activeDeadlineSeconds": -5}}},
        ),
        has_status=True,
    ),
)

NAMES = ("one", "two", "three")
BAD_NAMES = ("Upper", "with_underscore", "-dash", "x" * 254, "")


class Generator:
    """An endless supply of steps in one namespace."""

    def __init__(self, seed: int, namespace: str) -> None:
        self._rng = random.Random(seed)
        self._namespace = namespace

    def steps(self) -> Iterator[Step]:
        """Creations first, then anything."""
        for kind in KINDS:
            for name in NAMES[:2]:
                yield self._create(kind, name)
        while True:
            kind, name = self._rng.choice(KINDS), self._rng.choice(NAMES)
            yield self._rng.choice(self._menu())(kind, name)

    def _menu(self) -> list[Callable[[Kind, str], Step]]:
        common = [self._create, self._get, self._list, self._merge, self._json_patch, self._replace, self._delete]
        rare = [self._create_bad, self._generate_name, self._page, self._status, self._finalizer, self._nonsense]
        more = [self._strategic, self._strategic, self._unknown_field, self._delete_collection, self._bad_options]
        return [*common, *common, *rare, *more, self._dry_run, self._bad_list]

    def _send(self, method: str, path: str, body: Any = None, content: str = JSON, **query: str) -> Request:
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        return Request(method, path, tuple(query.items()), raw, content)

    def _create(self, kind: Kind, name: str) -> Step:
        body = kind.make(name)
        body["metadata"]["labels"] = {"color": self._rng.choice(("red", "blue"))}
        return lambda _: self._send("POST", kind.path(self._namespace), body)

    def _create_bad(self, kind: Kind, name: str) -> Step:
        body = kind.make(f"bad-{name}")
        fault = self._rng.randrange(6)
        if fault == 0:
            body["metadata"]["name"] = self._rng.choice(BAD_NAMES)
        elif fault == 1:
            body["metadata"]["namespace"] = "elsewhere"
        elif fault == 2:
            body["kind"] = "Wrong"
        elif fault == 3:
            # One wrong label only: the real server tells of several in random order.
            body["metadata"]["labels"] = self._rng.choice(({"not a key": "x"}, {"ok": "not a value!"}))
        elif fault == 4:
            body["metadata"]["resourceVersion"] = "1"
        elif kind.bad:
            _merge_into(body, self._rng.choice(kind.bad))
        return lambda _: self._send("POST", kind.path(self._namespace), body)

    def _generate_name(self, kind: Kind, name: str) -> Step:
        body = kind.make(name)
        body["metadata"] = {"generateName": f"{name}-"}
        return lambda _: self._send("POST", kind.path(self._namespace), body)

    def _dry_run(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace)
        return lambda _: self._send("POST", path, kind.make(f"dry-{name}"), dryRun="All")

    def _get(self, kind: Kind, name: str) -> Step:
        return lambda _: self._send("GET", kind.path(self._namespace, name))

    def _list(self, kind: Kind, name: str) -> Step:
        queries = (
            {},
            {"labelSelector": "color=red"},
            {"labelSelector": "color in (red,blue),color!=red"},
            {"labelSelector": "!color"},
            {"fieldSelector": f"metadata.name={name}"},
            {"fieldSelector": f"metadata.name!={name}"},
        )
        query = self._rng.choice(queries)
        return lambda _: self._send("GET", kind.path(self._namespace), **query)

    def _bad_list(self, kind: Kind, name: str) -> Step:
        queries = (
            {"labelSelector": "a=b=c"},
            {"fieldSelector": "spec.color=red"},
            {"limit": "x"},
            {"continue": "junk"},
        )
        query = self._rng.choice(queries)
        return lambda _: self._send("GET", kind.path(self._namespace), **query)

    def _page(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace)
        onward = self._rng.random() < 0.5

        def step(answers: Answers) -> Request:
            query = {"limit": "1"}
            if onward and answers.token:
                query["continue"] = answers.token
            return self._send("GET", path, **query)

        return step

    def _merge(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace, name)
        change: Object = dict(self._rng.choice((kind.change, {"metadata": {"annotations": {"note": "x"}}}, {})))
        if kind.bad and self._rng.random() < 0.4:
            change = dict(self._rng.choice(kind.bad))
        stale = self._rng.random() < 0.3

        def step(answers: Answers) -> Request:
            body = dict(change)
            if stale and path in answers.stale:
                body["metadata"] = {"resourceVersion": answers.stale[path]}
            return self._send("PATCH", path, body, MERGE_PATCH)

        return step

    def _json_patch(self, kind: Kind, name: str) -> Step:
        patches = (
            [{"op": "add", "path": "/metadata/labels", "value": {"color": "green"}}],
            [{"op": "test", "path": "/metadata/name", "value": "other"}],
            [{"op": "remove", "path": "/metadata/labels/absent"}],
            [{"op": "replace", "path": "/metadata/name", "value": "renamed"}],
            [{"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}, {"op": "bogus", "path": "/x"}],
        )
        patch = self._rng.choice(patches)
        return lambda _: self._send("PATCH", kind.path(self._namespace, name), patch, JSON_PATCH)

    def _strategic(self, kind: Kind, name: str) -> Step:
        change = self._rng.choice(kind.strategic or _FINALIZERS)
        return lambda _: self._send("PATCH", kind.path(self._namespace, name), change, STRATEGIC_MERGE_PATCH)

    def _unknown_field(self, kind: Kind, name: str) -> Step:
        body = {**kind.make(f"odd-{name}"), "colour": "red"}
        body["metadata"]["colour"] = "red"
        validation = self._rng.choice(("Strict", "Warn", "Ignore", "Sometimes"))
        path = kind.path(self._namespace)
        return lambda _: self._send("POST", path, body, dryRun="All", fieldValidation=validation)

    def _delete_collection(self, kind: Kind, name: str) -> Step:
        query = self._rng.choice(({"labelSelector": "color=red"}, {"fieldSelector": f"metadata.name={name}"}))
        # Without a policy a Job's dependents are orphaned, which is the garbage collector's to finish.
        policy = {"propagationPolicy": "Background"}
        return lambda _: self._send("DELETE", kind.path(self._namespace), None, **query, **policy)

    def _bad_options(self, kind: Kind, name: str) -> Step:
        path, item = kind.path(self._namespace), kind.path(self._namespace, name)
        requests = (
            self._send("POST", path, kind.make(f"opt-{name}"), dryRun="Some"),
            self._send("DELETE", item, {"gracePeriodSeconds": "x"}),
            self._send("DELETE", item, {"propagationPolicy": "Orphan", "orphanDependents": True}),
            self._send("DELETE", item, None, dryRun="All", propagationPolicy="Background"),
            self._send("DELETE", item, None, propagationPolicy="Sideways"),
            self._send("GET", path, resourceVersionMatch="Exact"),
            self._send("GET", path, resourceVersion="x"),
            self._send("GET", path, sendInitialEvents="true"),
            self._send("PATCH", item, {}, MERGE_PATCH, fieldValidation="Sometimes"),
        )
        request = self._rng.choice(requests)
        return lambda _: request

    def _replace(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace, name)
        way = self._rng.choice(("current", "stale", "none", "misnamed", "uid"))

        def step(answers: Answers) -> Request:
            body = msgspec.json.decode(msgspec.json.encode(answers.latest.get(path) or kind.make(name)))
            body["metadata"].pop("managedFields", None)
            body["metadata"]["labels"] = {"color": "red", "way": way}
            if way == "stale" and path in answers.stale:
                body["metadata"]["resourceVersion"] = answers.stale[path]
            elif way == "none":
                body["metadata"].pop("resourceVersion", None)
            elif way == "misnamed":
                body["metadata"]["name"] = "misnamed"
            elif way == "uid":
                body["metadata"]["uid"] = "11111111-1111-4111-8111-111111111111"
            return self._send("PUT", path, body)

        return step

    def _status(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace, name, "status")
        if not kind.has_status:
            return lambda _: self._send("GET", kind.path(self._namespace, name))
        good = {"status": {"phase": "Running"}, "spec": {"suspend": False}, "metadata": {"labels": {"via": "status"}}}
        body = self._rng.choice((good, {"status": {"phase": "Flying"}}))
        return lambda _: self._send("PATCH", path, body, MERGE_PATCH)

    def _finalizer(self, kind: Kind, name: str) -> Step:
        finalizers = self._rng.choice((["example.com/wait"], None, ["not-qualified!"]))
        body = {"metadata": {"finalizers": finalizers}}
        return lambda _: self._send("PATCH", kind.path(self._namespace, name), body, MERGE_PATCH)

    def _delete(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace, name)
        way = self._rng.choice(("plain", "uid", "wrong uid", "stale", "policy", "bad policy"))

        def step(answers: Answers) -> Request:
            known = answers.latest.get(path, {}).get("metadata", {})
            options: Object = {"propagationPolicy": "Background"}
            if way == "uid":
                options["preconditions"] = {"uid": known.get("uid", "none")}
            elif way == "wrong uid":
                options["preconditions"] = {"uid": "11111111-1111-4111-8111-111111111111"}
            elif way == "stale":
                options["preconditions"] = {"resourceVersion": answers.stale.get(path, "1")}
            elif way == "bad policy":
                options["propagationPolicy"] = "Sideways"
            return self._send("DELETE", path, options)

        return step

    def _nonsense(self, kind: Kind, name: str) -> Step:
        path = kind.path(self._namespace)
        requests = (
            self._send("POST", path, b"{not json"),
            self._send("POST", path, b"[]"),
            self._send("PATCH", f"{path}/{name}", {}, "application/unknown"),
            self._send("GET", f"{path}s"),
            self._send("GET", f"{kind.root}/namespaces/{self._namespace}/nothing/{name}"),
            self._send("PUT", path, kind.make(name)),
            self._send("PATCH", f"{path}/{name}", b"{broken", MERGE_PATCH),
            self._send("PATCH", f"{path}/{name}", b"{broken", JSON_PATCH),
            self._send("PATCH", f"{path}/{name}", b"[]", MERGE_PATCH),
            self._send("POST", path, b"{this is no json but text of more than thirty characters}"),
            self._send("POST", path, b'["this is json but it is no object of any kind"]'),
            self._send("POST", path, b""),
            self._send("GET", "/apis/nobody.example.com/v1/things"),
        )
        request = self._rng.choice(requests)
        return lambda _: request


def _merge_into(target: Object, patch: Object) -> None:
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge_into(target[key], value)
        else:
            target[key] = value
