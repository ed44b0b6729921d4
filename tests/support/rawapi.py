"""Plain requests on the kubernetes package's configuration and connection pool, with nothing of zenflow in between.

For those who judge zenflow: the recorder of what happened to Jobs, and the bench's floor.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

from kubernetes import client, config

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


class Refused(Exception):
    """The API server answered with another status than 2xx."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{method} {path}: {status} {body[:500].decode(errors='replace')}")
        self.status = status


class RawApi:
    """One API server, as one user."""

    def __init__(self, kubeconfig: Path) -> None:
        settings = client.Configuration()
        settings.connection_pool_maxsize = 32
        config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
        self._host = settings.host
        self._pool = client.ApiClient(settings).rest_client.pool_manager
        token = settings.auth_settings().get("BearerToken")
        self._headers = {**HEADERS, **({"Authorization": str(token["value"])} if token else {})}

    def request(self, method: str, path: str, body: bytes | None = None, *, content_type: str = "") -> bytes:
        """The whole answer. Raises Refused."""
        headers = {"Content-Type": content_type} if content_type else None
        status, answer = self.exchange(method, path, body, headers)
        if status >= 300:
            raise Refused(method, path, status, answer)
        return answer

    def exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body, whatever the status. `headers` add to the usual ones or replace them."""
        # A kept connection may have been closed meanwhile; only what changes nothing is asked again.
        retries = 2 if method == "GET" else False
        sent = {**self._headers, **(headers or {})}
        answer = self._pool.request(method, self._host + path, body=body, headers=sent, retries=retries)
        return answer.status, bytes(answer.data)

    def resource_version(self, path: str, **query: str) -> str:
        """Where a watch has to begin to miss nothing that happens from now on."""
        listed = json.loads(self.request("GET", f"{path}?{urlencode({**query, 'limit': '1'})}"))
        return str(listed["metadata"]["resourceVersion"])

    def watch(self, path: str, resource_version: str, **query: str) -> Iterator[bytes]:
        """Raw event lines as they arrive, until the server ends the watch. Raises Refused."""
        asked = {**query, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        url = f"{self._host}{path}?{urlencode(asked)}"
        answer = self._pool.request("GET", url, headers=self._headers, preload_content=False, retries=False)
        if answer.status != 200:
            raise Refused("WATCH", path, answer.status, answer.read())
        rest = b""
        for chunk in answer.stream(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
