"""What really goes over the wire with the installed version of the kubernetes package. Against a server on loopback."""

import base64
import contextlib
import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clock import VirtualClock
from tests.support.httpd import Asked, Authority, Httpd, serving
from zenflow.runtime.errors import (
    AnswerTooLarge,
    Expired,
    StreamEnded,
    StreamSilent,
    Unauthorized,
    Unconfigured,
    Unreachable,
)
from zenflow.runtime.transport import CREDENTIALS_FRESH, KubeTransport, Request

GET = Request("GET", "/api/v1/pods")
WATCH = Request("GET", "/api/v1/pods", query=(("watch", "true"),))
EXEC = """#!/bin/sh
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$(cat %s)'"}}'
"""


def kubeconfig(folder: Path, server: str, *, user: Any = None, cluster: Any = None) -> str:
    """A kubeconfig with one context of which everything is called `x`."""
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": {"server": server, **(cluster or {})}}],
                "users": [{"name": "x", "user": user or {}}],
            }
        )
    )
    return str(path)


def service_account(folder: Path, url: str, token: str, authority: Authority) -> tuple[Path, dict[str, str]]:
    """What a Pod finds mounted, and its environment."""
    mount = folder / "serviceaccount"
    mount.mkdir()
    (mount / "token").write_text(token)
    (mount / "ca.crt").write_bytes(authority.certificate.read_bytes())
    host, port = url.removeprefix("https://").split(":")
    return mount, {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


def echo(asked: Asked) -> None:
    asked.answer(body=b"[]")


@pytest.fixture
def httpd() -> Iterator[Httpd]:
    with serving(echo) as running:
        yield running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class TestCredentials:
    """Every way in which a client says who it is."""

    @pytest.mark.parametrize(
        ("user", "header"),
        [
            ({"token": "secret"}, "Bearer secret"),
            ({"username": "me", "password": "pw"}, "Basic " + base64.b64encode(b"me:pw").decode()),
            ({}, None),
        ],
    )
    def test_kubeconfig(self, tmp_path: Path, httpd: Httpd, user: dict[str, Any], header: str | None) -> None:
        """The Authorization header of a kubeconfig's user is really sent, on requests and on watches."""
        transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, user=user))
        transport.send(GET)
        transport.stream(WATCH, silence=5).close()
        assert [asked.headers.get("authorization") for asked in httpd.asked] == [header, header]

    def test_token_file(self, tmp_path: Path, httpd: Httpd) -> None:
        """A token that stands in a file of its own."""
        (tmp_path / "token").write_text("from-file")
        user = {"tokenFile": str(tmp_path / "token")}
        KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, user=user)).send(GET)
        assert httpd.asked[0].headers["authorization"] == "Bearer from-file"

    def test_in_cluster(self, tmp_path: Path, authority: Authority) -> None:
        """A Pod's mounted token is sent over TLS checked by its mounted authority; the file's newline is not."""
        with serving(echo, authority.server_context()) as httpd:
            mount, environ = service_account(tmp_path, httpd.url, "mounted\n", authority)
            transport = KubeTransport.in_cluster(mount, environ)
            assert transport.send(GET).status == 200
            transport.stream(WATCH, silence=5).close()
            assert [asked.headers["authorization"].split() for asked in httpd.asked] == [["bearer", "mounted"]] * 2

    def test_exec_plugin(self, tmp_path: Path, httpd: Httpd) -> None:
        """The token that a credential plug-in prints."""
        user = self.plugin(tmp_path, "from-plugin")
        KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, user=user)).send(GET)
        assert httpd.asked[0].headers["authorization"] == "Bearer from-plugin"

    @pytest.mark.parametrize("how", ["exec", "tokenFile", "mounted"])
    def test_replaced_token(self, tmp_path: Path, authority: Authority, how: str) -> None:
        """A token that was replaced on disk is found when the old one is refused; the request is sent again."""

        def guard(asked: Asked) -> None:
            accepted = asked.headers["authorization"].lower() == "bearer new"
            asked.answer(200 if accepted else 401)

        with serving(guard, authority.server_context()) as httpd:
            clock = VirtualClock()
            transport, token = self.rotating(tmp_path, authority, httpd, how, clock)
            assert transport.send(GET).status == 401
            token.write_text("new")
            clock.advance(CREDENTIALS_FRESH)
            assert transport.send(GET).status == 200
            transport.stream(WATCH, silence=5).close()

    def test_refused_for_good(self, tmp_path: Path) -> None:
        """A 401 that stays is returned, and does not load everything anew at each request."""
        with serving(lambda asked: asked.answer(401)) as httpd:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, user={"token": "bad"}))
            for _ in range(5):
                assert transport.send(GET).status == 401
            with pytest.raises(Unauthorized):
                transport.stream(WATCH, silence=5)
            assert len(httpd.asked) == 6

    def test_client_certificate(self, tmp_path: Path, authority: Authority) -> None:
        """In the handshake, from data in the kubeconfig."""
        identity = authority.issue("alice")
        user = {
            "client-certificate-data": base64.b64encode(identity.certificate.read_bytes()).decode(),
            "client-key-data": base64.b64encode(identity.key.read_bytes()).decode(),
        }
        with serving(echo, authority.server_context(client_certificates=True)) as httpd:
            config = kubeconfig(
                tmp_path, httpd.url, user=user, cluster={"certificate-authority": str(authority.certificate)}
            )
            KubeTransport.from_config(config).send(GET)
            assert httpd.asked[0].user == "alice"

    @staticmethod
    def plugin(folder: Path, token: str) -> dict[str, Any]:
        """A user whose token is printed by a program, which reads it from the file `token`."""
        (folder / "token").write_text(token)
        program = folder / "plugin.sh"
        program.write_text(EXEC % (folder / "token"))
        program.chmod(0o755)
        version = "client.authentication.k8s.io/v1"
        return {"exec": {"apiVersion": version, "command": str(program), "interactiveMode": "Never"}}

    def rotating(
        self, folder: Path, authority: Authority, httpd: Httpd, how: str, clock: VirtualClock
    ) -> tuple[KubeTransport, Path]:
        """A transport whose token is `old`, and the file in which it may be replaced."""
        if how == "mounted":
            mount, environ = service_account(folder, httpd.url, "old", authority)
            return KubeTransport.in_cluster(mount, environ, clock=clock), mount / "token"
        token = folder / "token"
        token.write_text("old")
        user = self.plugin(folder, "old") if how == "exec" else {"tokenFile": str(token)}
        config = kubeconfig(folder, httpd.url, user=user, cluster={"certificate-authority": str(authority.certificate)})
        return KubeTransport.from_config(config, clock=clock), token


class TestTls:
    """Who the server is."""

    def test_a_server_nobody_vouches_for_is_not_spoken_to(self, tmp_path: Path, authority: Authority) -> None:
        """The certificate's authority is unknown."""
        with serving(echo, authority.server_context()) as httpd:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, user={"token": "secret"}))
            with pytest.raises(Unreachable):
                transport.send(GET)
            assert httpd.asked == []

    def test_unless_the_user_says_so(self, tmp_path: Path, authority: Authority) -> None:
        """insecure-skip-tls-verify."""
        with serving(echo, authority.server_context()) as httpd:
            config = kubeconfig(tmp_path, httpd.url, cluster={"insecure-skip-tls-verify": True})
            with pytest.warns(Warning, match="Unverified HTTPS"):
                assert KubeTransport.from_config(config).send(GET).status == 200


class TestRequests:
    """What is asked, and what comes back."""

    def test_the_request_arrives_as_it_was_made(self, tmp_path: Path, httpd: Httpd) -> None:
        """Path and query percent-encoded, body and its type, our name."""
        transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url + "/prefix"))
        query = (("labelSelector", "a in (b,c)"), ("limit", "5"))
        transport.send(Request("PATCH", "/apis/x/v1/things/ü", query, b'{"a":1}', "application/merge-patch+json"))
        (asked,) = httpd.asked
        assert asked.path == "/prefix/apis/x/v1/things/%C3%BC?labelSelector=a+in+%28b%2Cc%29&limit=5"
        assert (asked.method, asked.body) == ("PATCH", b'{"a":1}')
        assert asked.headers["content-type"] == "application/merge-patch+json"
        assert asked.headers["user-agent"].startswith("zenflow/")

    def test_lists_may_be_compressed_and_watches_not(self, tmp_path: Path) -> None:
        """A compressed watch would hold events back."""

        def compressed(asked: Asked) -> None:
            asked.answer(body=gzip.compress(b"[1,2]"), Content_Encoding="gzip")

        with serving(compressed) as httpd:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url))
            assert transport.send(GET).body == b"[1,2]"
            transport.stream(WATCH, silence=5).close()
            assert [asked.headers["accept-encoding"] for asked in httpd.asked] == ["gzip", "identity"]

    def test_refusals_are_returned_with_their_headers(self, tmp_path: Path) -> None:
        """In lower case; redirects too are answers, not followed."""

        def refuse(asked: Asked) -> None:
            asked.answer(429 if "pods" in asked.path else 302, b"no", Retry_After="7", Location="/elsewhere")

        with serving(refuse) as httpd:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url))
            response = transport.send(GET)
            assert (response.status, response.body, response.headers["retry-after"]) == (429, b"no", "7")
            assert transport.send(Request("GET", "/api")).status == 302
            assert len(httpd.asked) == 2

    def test_half_an_answer_is_none(self, tmp_path: Path) -> None:
        """The connection broke: nothing of it may be believed."""

        def break_off(asked: Asked) -> None:
            asked.handler.send_response(200)
            asked.handler.send_header("Content-Length", "100")
            asked.handler.end_headers()
            asked.handler.wfile.write(b'{"half":')
            asked.handler.close_connection = True

        with serving(break_off) as httpd, pytest.raises(Unreachable):
            KubeTransport.from_config(kubeconfig(tmp_path, httpd.url)).send(GET)

    def test_a_server_that_does_not_answer_in_time_is_unreachable(self, tmp_path: Path) -> None:
        """After the request's own timeout; it is not sent a second time."""
        with serving(lambda asked: _wait(running)) as running:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, running.url))
            with pytest.raises(Unreachable):
                transport.send(Request("POST", "/api/v1/pods", body=b"{}", timeout=0.1))
            assert len(running.asked) == 1

    @pytest.mark.parametrize("secure", [False, True])
    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"], ids=["head", "body"])
    @pytest.mark.parametrize("most", [None, 1000])
    def test_a_server_that_answers_byte_by_byte_is_unreachable_in_time(
        self, tmp_path: Path, authority: Authority, secure: bool, head: bytes, most: int | None
    ) -> None:
        """The timeout is for the whole answer; whoever waits for it holds a worker, or the Lease."""

        def drip(asked: Asked) -> None:
            asked.handler.wfile.write(head or b"HTTP/1.1 200 OK\r\nX-Long: ")
            with contextlib.suppress(OSError):
                while not httpd.ended.wait(0.05):
                    asked.handler.wfile.write(b"x")
                    asked.handler.wfile.flush()

        with serving(drip, authority.server_context() if secure else None) as httpd:
            cluster = {"certificate-authority": str(authority.certificate)} if secure else None
            transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, cluster=cluster))
            with pytest.raises(Unreachable):
                transport.send(Request("GET", "/api/v1/pods", timeout=0.5, most=most))

    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    def test_an_answer_that_is_larger_than_wanted_is_given_up(self, tmp_path: Path, encoding: str) -> None:
        """By its size in memory, however small it is on the way; the next request is answered."""

        def answer(asked: Asked) -> None:
            body = b"[" + b" " * 10_000_000 + b"]" if "large" in asked.path else b"[]"
            asked.answer(body=gzip.compress(body) if encoding == "gzip" else body, Content_Encoding=encoding)

        with serving(answer) as httpd:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url))
            with pytest.raises(AnswerTooLarge):
                transport.send(Request("GET", "/large", most=1_000_000))
            assert transport.send(Request("GET", "/small", most=1_000_000)).body == b"[]"
            assert len(transport.send(Request("GET", "/large", most=10_000_002)).body) == 10_000_002

    def test_credentials_that_cannot_be_read_are_no_answer(self, tmp_path: Path, httpd: Httpd) -> None:
        """A bug of a plug-in, a file half replaced: nothing that ends a thread."""
        transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url, user={"token": "x\ny"}))
        with pytest.raises(Unreachable):
            transport.send(GET)

    def test_nobody_listens(self, tmp_path: Path) -> None:
        """Connection refused."""
        with serving(echo) as httpd:
            pass
        with pytest.raises(Unreachable):
            KubeTransport.from_config(kubeconfig(tmp_path, httpd.url)).send(GET)

    def test_connections_are_kept_and_requests_run_side_by_side(self, tmp_path: Path) -> None:
        """Sixteen at once, beside three watches; a second round opens no further connection."""
        together, connections = threading.Barrier(16), set[Any]()

        def meet(asked: Asked) -> None:
            connections.add(asked.handler.client_address)
            if "watch" in asked.path:
                asked.begin_stream()
                asked.chunk(b"{}\n")
                running.ended.wait(10)
            else:
                together.wait(10)
                asked.answer()

        with serving(meet) as running, ThreadPoolExecutor(16) as pool:
            transport = KubeTransport.from_config(kubeconfig(tmp_path, running.url))
            streams = [transport.stream(WATCH, silence=10) for _ in range(3)]
            for _ in range(2):
                assert {response.status for response in pool.map(transport.send, [GET] * 16)} == {200}
            assert len(connections) == 19
            for stream in streams:
                stream.close()

    def test_a_proxy_of_the_kubeconfig_is_used(self, tmp_path: Path, httpd: Httpd) -> None:
        """`proxy-url`: the request goes there, whoever it is meant for."""
        config = kubeconfig(tmp_path, "http://api.example.invalid", cluster={"proxy-url": httpd.url})
        KubeTransport.from_config(config).send(GET)
        assert httpd.asked[0].path == "http://api.example.invalid/api/v1/pods"


class TestStreams:
    """Watches: lines as they come, and an end for each of them."""

    def test_lines_come_whole_whatever_the_chunks(self, tmp_path: Path) -> None:
        """Split in the middle, several in one chunk, long ones, and empty ones left out."""
        long = b'{"long":"' + b"x" * 300_000 + b'"}'

        def send(asked: Asked) -> None:
            asked.begin_stream()
            for chunk in (b'{"a":', b'1}\n{"b":2}\n', b"\n", b'{"c"', b":3}", b"\n" + long + b"\n", b""):
                asked.chunk(chunk)

        with serving(send) as httpd:
            stream = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url)).stream(WATCH, silence=5)
            lines: list[bytes] = []
            with contextlib.suppress(StreamEnded):
                while True:
                    lines += stream.read()
            assert lines == [b'{"a":1}', b'{"b":2}', b'{"c":3}', long]
            stream.close()

    def test_an_event_is_there_when_it_was_sent(self, tmp_path: Path) -> None:
        """And does not wait for the next one."""

        def send(asked: Asked) -> None:
            asked.begin_stream()
            asked.chunk(b"{}\n")
            running.ended.wait(10)

        with serving(send) as running:
            stream = KubeTransport.from_config(kubeconfig(tmp_path, running.url)).stream(WATCH, silence=5)
            assert list(stream.read()) == [b"{}"]
            stream.close()

    def test_silence_is_told_from_an_end(self, tmp_path: Path) -> None:
        """Neither a line nor an end within the limit."""

        def hush(asked: Asked) -> None:
            asked.begin_stream()
            asked.chunk(b"{}\n")
            running.ended.wait(10)

        with serving(hush) as running:
            stream = KubeTransport.from_config(kubeconfig(tmp_path, running.url)).stream(WATCH, silence=0.1)
            stream.read()
            with pytest.raises(StreamSilent):
                stream.read()
            stream.close()

    def test_a_broken_connection_is_an_end(self, tmp_path: Path) -> None:
        """The half line before it is not handed out."""

        def break_off(asked: Asked) -> None:
            asked.begin_stream()
            asked.chunk(b'{}\n{"half')
            asked.handler.close_connection = True
            asked.handler.connection.shutdown(2)

        with serving(break_off) as httpd:
            stream = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url)).stream(WATCH, silence=5)
            assert list(stream.read()) == [b"{}"]
            with pytest.raises(StreamEnded):
                stream.read()

    @pytest.mark.parametrize("secure", [False, True])
    def test_close_ends_a_read_in_another_thread(self, tmp_path: Path, authority: Authority, secure: bool) -> None:
        """At once, over TLS too: this is how a process stops."""

        def hush(asked: Asked) -> None:
            asked.begin_stream()
            asked.chunk(b"{}\n")
            running.ended.wait(30)

        cluster = {"certificate-authority": str(authority.certificate)} if secure else {}
        with (
            serving(hush, authority.server_context() if secure else None) as running,
            ThreadPoolExecutor(1) as pool,
        ):
            transport = KubeTransport.from_config(kubeconfig(tmp_path, running.url, cluster=cluster))
            stream = transport.stream(WATCH, silence=30)
            stream.read()
            blocked = pool.submit(stream.read)
            while not blocked.running():
                pass
            stream.close()
            stream.close()
            with pytest.raises(StreamEnded):
                blocked.result(timeout=5)

    def test_a_refused_watch_is_an_error_and_no_stream(self, tmp_path: Path) -> None:
        """With the facts of its Status."""
        status = b'{"kind":"Status","code":410,"reason":"Expired","message":"too old"}'
        with serving(lambda asked: asked.answer(410, status)) as httpd, pytest.raises(Expired, match="too old"):
            KubeTransport.from_config(kubeconfig(tmp_path, httpd.url)).stream(WATCH, silence=5)


class TestConfiguration:
    """What cannot be used is told, with its name."""

    @pytest.mark.parametrize(
        "content", [None, "", "not: a kubeconfig", "current-context: nowhere\ncontexts: []", ": {", "[]"]
    )
    def test_a_kubeconfig_that_is_none(self, tmp_path: Path, content: str | None) -> None:
        """Missing, empty, or something else."""
        path = tmp_path / "config"
        if content is not None:
            path.write_text(content)
        with pytest.raises(Unconfigured, match=str(path)):
            KubeTransport.from_config(str(path))

    def test_an_unknown_context(self, tmp_path: Path, httpd: Httpd) -> None:
        """Rather than the current one."""
        with pytest.raises(Unconfigured, match="elsewhere"):
            KubeTransport.from_config(kubeconfig(tmp_path, httpd.url), "elsewhere")

    def test_not_in_a_pod(self, tmp_path: Path) -> None:
        """No service account is mounted."""
        with pytest.raises(Unconfigured):
            KubeTransport.in_cluster(tmp_path, {})

    def test_the_host_is_known(self, tmp_path: Path, httpd: Httpd) -> None:
        """For the metrics' label."""
        transport = KubeTransport.from_config(kubeconfig(tmp_path, httpd.url + "/prefix"))
        assert transport.host == httpd.url.removeprefix("http://")


def _wait(running: Httpd) -> None:
    running.ended.wait(10)
