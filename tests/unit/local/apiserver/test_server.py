"""Paths, verbs and users; logs."""

import pytest

from tests.support.embedded import CONFIG_MAPS, JOBS, PODS, Embedded, config_map, pod
from zenflow.local.streams import Lines, LocalStream, LogOptions
from zenflow.runtime import errors
from zenflow.runtime.transport import Request


@pytest.mark.parametrize(
    ("method", "url", "code"),
    [
        ("GET", "/apis/batch/v1/namespaces/default/things", 404),
        ("GET", f"{CONFIG_MAPS}/settings/status", 404),
        ("GET", "/apis/batch/v1/jobs/a", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("POST", f"{CONFIG_MAPS}/settings", 405),
        ("POST", "/api/v1/configmaps", 405),
        ("PUT", CONFIG_MAPS, 405),
        ("DELETE", "/api/v1/configmaps", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("DELETE", f"{JOBS}/a/status", 405),
        ("BREW", CONFIG_MAPS, 405),
        ("GET", f"{CONFIG_MAPS}/..", 400),
    ],
)
def test_what_is_not_served_is_refused(method: str, url: str, code: int) -> None:
    """As the real server refuses it."""
    assert Embedded().ask(method, url)["code"] == code


@pytest.mark.parametrize("url", ["/", "/apis/nowhere.io/v1/things", "/apis/batch/v9/jobs", "/apis/batch"])
def test_unknown_groups_get_the_bare_page(url: str) -> None:
    """No Status, as from the real server."""
    response = Embedded().send("GET", url)
    assert (response.status, response.body) == (404, b"404 page not found\n")


def test_a_stream_is_refused_before_it_opens() -> None:
    """By an error, as a Transport promises."""
    with pytest.raises(errors.NotFound):
        Embedded().watch("/apis/batch/v1/namespaces/default/things")


def test_namespaces_are_read_in_both_ways() -> None:
    """As objects and as the place of others."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    assert server.get("/api/v1/namespaces/default/status")["kind"] == "Namespace"
    assert server.names("/api/v1/configmaps") == ["settings"]


def test_a_version_from_the_future_is_not_there_yet() -> None:
    """504, to be tried again."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    response = server.send("GET", f"{CONFIG_MAPS}/settings?resourceVersion=99")
    assert (response.status, response.headers["retry-after"]) == (504, "1")


def test_the_same_uids_make_the_same_world() -> None:
    """Nothing in the server is random or reads a clock of its own: simulations replay exactly."""
    worlds = []
    for _ in range(2):
        server = Embedded()
        server.create(CONFIG_MAPS, {"metadata": {"generateName": "run-"}})
        server.create(PODS, pod())
        worlds.append((server.get(CONFIG_MAPS), server.get(PODS)))
    assert worlds[0] == worlds[1]


class _Logs:
    """A source that tells what it was asked for."""

    def open_log(self, namespace: str, pod: str, options: LogOptions) -> LocalStream:
        return Lines([f"{namespace}/{pod}/{options.container} {options.tail_lines} {options.follow}".encode(), b"end"])


class TestLogs:
    """`pods/NAME/log`."""

    def _server(self, *containers: str) -> Embedded:
        server = Embedded()
        server.api.serve_logs(_Logs())
        server.create(PODS, pod(containers=[{"name": name, "image": "b"} for name in containers]))
        return server

    def test_the_only_container_is_meant(self) -> None:
        """As plain text, a line each."""
        response = self._server("main").send("GET", f"{PODS}/pod/log?tailLines=5")
        assert response.body == b"default/pod/main 5 False\nend\n"
        assert response.headers["content-type"] == "text/plain"

    def test_one_of_several_must_be_named(self) -> None:
        """400, with the choices."""
        server = self._server("a", "b")
        assert "choose one of: [a b]" in server.get(f"{PODS}/pod/log")["message"]
        assert "container c is not valid for pod pod" in server.get(f"{PODS}/pod/log?container=c")["message"]
        assert server.send("GET", f"{PODS}/pod/log?container=b").status == 200

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("sinceTime=garbage", 400),
            ("tailLines=-5", 422),
            ("limitBytes=0", 422),
            ("sinceSeconds=0", 422),
            ("sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z", 422),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, query: str, code: int) -> None:
        """And is no fault of the server's."""
        assert self._server("main").send("GET", f"{PODS}/pod/log?{query}").status == code

    def test_a_log_is_followed_as_a_stream(self) -> None:
        """Line by line."""
        server = self._server("main")
        stream = server.api.stream(Request("GET", f"{PODS}/pod/log", (("follow", "true"),)))
        assert stream.read() == (b"default/pod/main None True", b"end")

    def test_nobody_runs_pods(self) -> None:
        """Then there is no log, and the answer says why."""
        server = Embedded()
        server.create(PODS, pod())
        assert server.get(f"{PODS}/pod/log")["code"] == 400
        assert server.get(f"{PODS}/missing/log")["code"] == 404
