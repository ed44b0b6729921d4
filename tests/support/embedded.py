"""An embedded API server for tests, with short words for its verbs."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tests.support.clock import VirtualClock
from zenflow.local.apiserver.admission import Admission
from zenflow.local.apiserver.server import ApiServer
from zenflow.local.streams import LocalStream
from zenflow.runtime import errors
from zenflow.runtime.transport import JSON, MERGE_PATCH, Request, Response

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.io/v1/namespaces/default/things"


class Embedded:
    """One server on a virtual clock; uids count up, so that everything it says is the same in every run."""

    def __init__(self, *, admission: Sequence[Admission] = (), history: int = 1000) -> None:
        self.clock = VirtualClock()
        numbers = itertools.count(1)
        self.api = ApiServer(clock=self.clock, uid=lambda: f"uid-{next(numbers)}", admission=admission, history=history)

    def send(self, method: str, url: str, body: Any = None, content_type: str = JSON) -> Response:
        """One request; a body that is no bytes is encoded."""
        return self.api.send(_request(method, url, body, content_type))

    def ask(self, method: str, url: str, body: Any = None, content_type: str = JSON) -> dict[str, Any]:
        """The decoded answer, whatever its status."""
        answer: dict[str, Any] = msgspec.json.decode(self.send(method, url, body, content_type).body)
        return answer

    def get(self, url: str) -> dict[str, Any]:
        return self.ask("GET", url)

    def create(self, url: str, body: Any) -> dict[str, Any]:
        """POST, which must succeed."""
        response = self.send("POST", url, body)
        assert response.status == 201, response.body
        created: dict[str, Any] = msgspec.json.decode(response.body)
        return created

    def merge(self, url: str, patch: Any) -> dict[str, Any]:
        """A merge patch."""
        return self.ask("PATCH", url, patch, MERGE_PATCH)

    def delete(self, url: str, options: Any = None) -> dict[str, Any]:
        return self.ask("DELETE", url, options)

    def names(self, url: str) -> list[str]:
        """The names in a list."""
        return [item["metadata"]["name"] for item in self.get(url)["items"]]

    def watch(self, url: str) -> LocalStream:
        return self.api.stream(_request("GET", url, None, JSON))


def _request(method: str, url: str, body: Any, content_type: str) -> Request:
    path, _, query = url.partition("?")
    pairs = tuple((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part))
    encoded = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Request(method, path, pairs, encoded, content_type)


def told(stream: LocalStream) -> Iterator[dict[str, Any]]:
    """The events that a watch has to tell now."""
    try:
        for line in stream.read():
            yield msgspec.json.decode(line)
    except errors.StreamEnded:
        return


def summary(stream: LocalStream) -> list[str]:
    """The events that a watch has to tell now, as `TYPE name`."""
    return [f"{event['type']} {event['object']['metadata'].get('name', '')}".strip() for event in told(stream)]


def config_map(name: str = "settings", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "data": {"a": "b"}}


def pod(name: str = "pod", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": "busybox:1"}], **spec}}


def job(name: str = "job", **spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}}
    return {"metadata": {"name": name}, "spec": {"template": template, **spec}}


def definition(spec: Mapping[str, Any], *, status: bool = True) -> dict[str, Any]:
    """A CustomResourceDefinition of Things; `spec` is the schema of their spec."""
    properties = {"spec": {"type": "object", **spec}, "status": {"type": "object", "properties": {"phase": _TEXT}}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        **({"subresources": {"status": {}}} if status else {}),
    }
    names = {"plural": "things", "kind": "Thing", "shortNames": ["th"]}
    return {
        "metadata": {"name": "things.example.io"},
        "spec": {"group": "example.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }


_TEXT = {"type": "string"}


def thing(name: str = "thing", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "example.io/v1", "kind": "Thing", "metadata": {"name": name}, **fields}
