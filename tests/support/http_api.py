"""The HTTP side of an embedded API server, without a socket."""

import itertools
import json
from typing import Any

from tests.support.clock import VirtualClock
from tests.support.embedded import CONFIG_MAPS
from zenflow.local.apiserver.server import ApiServer
from zenflow.local.http.gateway import Gateway
from zenflow.local.streams import LocalStream
from zenflow.runtime.transport import Request, Response


class HttpApi:
    """A gateway with one ConfigMap `a` behind it."""

    def __init__(self) -> None:
        clock = VirtualClock()
        numbers = itertools.count(1)
        self.gateway = Gateway(ApiServer(clock=clock, uid=lambda: f"uid-{next(numbers)}"), clock)
        self.create("a")

    def create(self, name: str) -> Response:
        body = json.dumps({"metadata": {"name": name}, "data": {"k": "v"}}).encode()
        return self.gateway.send(Request("POST", CONFIG_MAPS, body=body), "admin")

    def get(self, path: str, accept: str = "", *query: tuple[str, str]) -> Response:
        return self.gateway.send(Request("GET", path, query, accept=accept), "admin")

    def watch(self, accept: str) -> LocalStream:
        query = (("watch", "1"), ("resourceVersion", "0"))
        return self.gateway.stream(Request("GET", CONFIG_MAPS, query, accept=accept), "admin")


def decoded(response: Response) -> Any:
    return json.loads(response.body)
