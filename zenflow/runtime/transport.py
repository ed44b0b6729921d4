"""One request out, one response or stream back: the only seam between the project and an API server.

`KubeTransport` below is the network one, `local.apiserver.ApiServer` the embedded one.
Nothing above this seam knows which of the two it talks to. The kubernetes package enters the project here
and nowhere else, and only when a KubeTransport is made.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from zenflow.runtime.clock import Clock, SystemClock
from zenflow.runtime.deadlines import TimedHttpPool, TimedHttpsPool
from zenflow.runtime.errors import AnswerTooLarge, StreamEnded, StreamSilent, Unconfigured, Unreachable, from_response

if TYPE_CHECKING:
    from kubernetes.client import Configuration

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# For requests that name no timeout: an API server gives up on a write after 34 s, and says so.
DEFAULT_TIMEOUT = 40.0
CONNECT_TIMEOUT = 10.0
# Connections kept open, if there were ever so many: as many workers and writers as may be asked for, and some room.
POOL_SIZE = 256
# A token may be replaced on disk at any time; asking for it on every request would cost more than the request.
CREDENTIALS_FRESH = 10.0
# Bytes of an answer that are taken at a time where its size is bounded.
CHUNK = 65536
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to an API server, as values.

    `path` is percent-decoded and absolute (`/apis/batch/v1/namespaces/default/jobs`), `query` holds
    decoded pairs in order, `timeout` is in seconds (None: the transport's own default) and is for the whole answer,
    however slowly it comes. `most` is the largest answer that is wanted, in bytes (None: any).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = JSON
    accept: str = JSON
    timeout: float | None = None
    most: int | None = None

    def param(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whatever its status. Header names are lower-case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """An open watch (or log) response: newline-delimited bytes.

    A refused request never becomes a Stream: `Transport.stream` raises `errors.ApiError` instead.
    """

    def read(self) -> Sequence[bytes]:
        """The complete lines that have arrived, without their newlines.

        A network stream blocks until there is at least one; the embedded one returns an empty
        sequence instead of blocking. Raises `errors.StreamEnded` when the server closed it,
        `errors.StreamSilent` when nothing came within the inactivity limit.
        """
        ...

    def close(self) -> None:
        """Give the connection back. A `read` blocked in another thread ends with `StreamEnded`. Idempotent."""
        ...


class Transport(Protocol):
    """Safe to use from several threads at once."""

    def send(self, request: Request) -> Response:
        """Send and wait for the whole answer; refusals (4xx, 5xx) are returned, not raised.

        Raises `errors.Unreachable` when no answer came: the request may or may not have been carried out;
        `errors.AnswerTooLarge` when it is larger than wanted, where a transport can tell before it is all there.
        """
        ...

    def stream(self, request: Request, *, silence: float) -> Stream:
        """Open a watch that may be silent for `silence` seconds. Raises `errors.ApiError` or `errors.Unreachable`."""
        ...


class KubeTransport:
    """A Kubernetes API server over the network. Safe for threads.

    Addresses, credentials, TLS and proxies are the kubernetes package's business (`load` makes its
    Configuration), connections are urllib3's. Tokens are read again as they rotate. When the server
    answers 401, everything is loaded anew, exec plug-ins included, and the request is sent once more:
    a 401 was never carried out.
    """

    def __init__(self, load: "Callable[[], Configuration]", *, clock: Clock | None = None) -> None:
        self._load = load
        self._clock = clock or SystemClock()
        self._user_agent = f"zenflow/{_version()}"
        self._renewing = threading.Lock()  # guards the two below
        self._session = _Session(load(), self._clock)
        self._renewed_at = self._clock.monotonic()

    @classmethod
    def from_config(
        cls, kubeconfig: str | None = None, context: str | None = None, *, clock: Clock | None = None
    ) -> "KubeTransport":
        """The cluster of `kubeconfig`, else of $KUBECONFIG, else the one this Pod runs in, else of ~/.kube/config.

        Raises `errors.Unconfigured` when that one cannot be used.
        """
        from kubernetes.config import KUBE_CONFIG_DEFAULT_LOCATION

        path = kubeconfig or os.environ.get("KUBECONFIG")
        if not path and not context and "KUBERNETES_SERVICE_HOST" in os.environ:
            return cls.in_cluster(clock=clock)
        return cls(lambda: _load_kubeconfig(path or KUBE_CONFIG_DEFAULT_LOCATION, context), clock=clock)

    @classmethod
    def in_cluster(
        cls, folder: Path = SERVICE_ACCOUNT, environ: Mapping[str, str] | None = None, *, clock: Clock | None = None
    ) -> "KubeTransport":
        """The cluster this Pod runs in, by its service account's mounted token. Raises `errors.Unconfigured`."""
        return cls(lambda: _load_service_account(folder, os.environ if environ is None else environ), clock=clock)

    @property
    def host(self) -> str:
        """`host:port` of the API server."""
        return urlsplit(self._session.host).netloc

    def send(self, request: Request) -> Response:
        """Send and wait for the whole answer. A connection that breaks midway is `Unreachable`, not half an answer."""
        answer = self._open(request, request.timeout or DEFAULT_TIMEOUT, watch=False)
        try:
            body = answer.data if request.most is None else _read(answer, request.most)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Unreachable(f"{request.method} {request.path}: {error}") from error
        return Response(answer.status, body, _lower(answer.headers))

    def stream(self, request: Request, *, silence: float) -> Stream:
        """Open a watch; refusals raise. The socket's read timeout is the inactivity limit."""
        answer = self._open(request, silence, watch=True)
        if answer.status < 400:
            return _NetworkStream(answer)
        try:
            body = answer.read()
        except (urllib3.exceptions.HTTPError, OSError):
            body = b""
        finally:
            answer.close()
        raise from_response(answer.status, _lower(answer.headers), body)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def _open(self, request: Request, read_timeout: float, *, watch: bool) -> urllib3.BaseHTTPResponse:
        session = self._session
        answer = self._exchange(session, request, read_timeout, watch)
        if answer.status == 401 and self._renew(session):
            answer.close()
            answer = self._exchange(self._session, request, read_timeout, watch)
        return answer

    def _exchange(
        self, session: "_Session", request: Request, read_timeout: float, watch: bool
    ) -> urllib3.BaseHTTPResponse:
        try:
            return session.open(
                request,
                watch,
                headers=self._headers(session, request, not watch),
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, read_timeout), read=read_timeout),
                retries=False,  # whether a request may be repeated is the client's decision
                redirect=False,
                preload_content=not watch and request.most is None,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: a header that can't be sent
            raise Unreachable(f"{request.method} {request.path}: {error}") from error

    def _headers(self, session: "_Session", request: Request, compressed: bool) -> dict[str, str]:
        headers = {
            "accept": request.accept,
            "user-agent": self._user_agent,
            # A compressed watch would hold events back until a block is full.
            "accept-encoding": "gzip" if compressed and request.method == "GET" else "identity",
        }
        if request.body:
            headers["content-type"] = request.content_type
        authorization = session.authorization()
        if authorization:
            headers["authorization"] = authorization
        return headers

    def _renew(self, refused: "_Session") -> bool:
        """Load configuration and credentials anew, unless that was just done; whether it is worth asking again."""
        with self._renewing:
            if self._session is not refused:
                return True
            now = self._clock.monotonic()
            if now - self._renewed_at < CREDENTIALS_FRESH:
                return False
            self._renewed_at = now
            try:
                self._session = _Session(self._load(), self._clock)
            except Unconfigured:
                return False
            return True


class _Session:
    """Credentials and the connections made with them: replaced as a whole, never changed."""

    def __init__(self, configuration: "Configuration", clock: Clock) -> None:
        from kubernetes.client.rest import RESTClientObject

        configuration.connection_pool_maxsize = POOL_SIZE
        configuration.keep_alive = True
        self.host = str(configuration.host)
        # Watches have connections of their own: they may be slow, and are never timed as a whole.
        self._managers = tuple(RESTClientObject(configuration).pool_manager for _ in range(2))
        if type(self._managers[0]) in (urllib3.PoolManager, urllib3.ProxyManager):
            self._managers[0].pool_classes_by_scheme = {"http": TimedHttpPool, "https": TimedHttpsPool}
        # A proxy has its say in every request; without one a manager would only find the same connections each time.
        self._direct = tuple(None if each.proxy else each.connection_from_url(self.host) for each in self._managers)
        self._prefix = urlsplit(self.host).path.rstrip("/")  # an API server may live under a path of its host
        self._configuration = configuration
        self._clock = clock
        self._lock = threading.Lock()  # guards the two below, and the package's own refresh
        self._authorization = ""
        self._fresh_until = clock.monotonic()

    def close(self) -> None:
        """Close the idle connections."""
        for manager in self._managers:
            manager.clear()

    def open(self, request: Request, watch: bool, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send and wait for the answer's head; `options` are urllib3's."""
        direct = self._direct[watch]
        query = f"?{urlencode(request.query)}" if request.query else ""
        target = f"{quote(request.path)}{query}"
        body = request.body or None
        if direct is None:
            return self._managers[watch].urlopen(request.method, f"{self.host}{target}", body=body, **options)
        return direct.urlopen(request.method, f"{self._prefix}{target}", body=body, **options)

    def authorization(self) -> str:
        """The header's value, "" for clients that are known by their certificate."""
        with self._lock:
            now = self._clock.monotonic()
            if now >= self._fresh_until:
                setting = self._setting()
                value = setting["value"] if setting else None
                self._authorization = (
                    value or ""
                ).strip()  # a token file ends in a newline, which would end the header
                self._fresh_until = now + CREDENTIALS_FRESH
            return self._authorization

    def _setting(self) -> Any:
        try:
            return self._configuration.auth_settings().get("BearerToken")
        except Exception as error:  # a token file half replaced, an exec plug-in: whatever the package lets out
            raise Unreachable(f"credentials can't be read: {error}") from error


def _read(answer: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """The whole body, uncompressed as it comes, so that no more is ever held than is wanted."""
    body = bytearray()
    for part in answer.stream(CHUNK, decode_content=True):
        body += part
        if len(body) > most:
            answer.close()  # what is left of it would be read by the next request
            raise AnswerTooLarge(f"an answer of more than {most} bytes")
    return bytes(body)


class _NetworkStream:
    """The lines of an open response. One thread reads; any may close."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self._rest = b""  # the beginning of a line whose end has not arrived
        self._reading = threading.Lock()  # held while a read may block, so that nobody frees what it reads from
        self._closed = False

    def read(self) -> Sequence[bytes]:
        """Block until at least one whole line is there."""
        with self._reading:
            while True:
                *lines, self._rest = (self._rest + self._receive()).split(b"\n")
                if lines:
                    return [line for line in lines if line]

    def close(self) -> None:
        """End a blocked read, then give the connection back."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # the other side was faster
            self._answer.shutdown()
        with self._reading:
            self._answer.close()

    def _receive(self) -> bytes:
        if self._closed:
            raise StreamEnded("closed by us")
        try:
            data = self._answer.read1()
        except urllib3.exceptions.ReadTimeoutError as error:
            raise StreamSilent("nothing within the inactivity limit") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            raise StreamEnded(f"connection lost: {error}") from error
        if not data:
            raise StreamEnded("the server closed the watch")
        return data


def _load_kubeconfig(path: str, context: str | None) -> "Configuration":
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config

    configuration = Configuration()
    try:
        load_kube_config(path, context=context, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # the package lets out whatever its parsing meets: YAMLError, TypeError, KeyError, …
        raise Unconfigured(f"kubeconfig {path}: {' '.join(str(error).split())}") from error
    return configuration


def namespace_of(kubeconfig: str | None, context: str | None) -> str:
    """The namespace of a kubeconfig's context, as kubectl takes it; `default` where it names none."""
    from kubernetes.config import KUBE_CONFIG_DEFAULT_LOCATION, list_kube_config_contexts

    path = kubeconfig or os.environ.get("KUBECONFIG") or KUBE_CONFIG_DEFAULT_LOCATION
    try:
        contexts, active = list_kube_config_contexts(path)  # type: ignore[no-untyped-call]
        chosen = next((each for each in contexts if each["name"] == context), active)
        return str(chosen["context"].get("namespace") or "default")
    except Exception:  # as above; who connects by it is told what is wrong with it
        return "default"


def _load_service_account(folder: Path, environ: Mapping[str, str]) -> "Configuration":
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException
    from kubernetes.config.incluster_config import InClusterConfigLoader

    configuration = Configuration()
    loader = InClusterConfigLoader(str(folder / "token"), str(folder / "ca.crt"), environ=environ)  # type: ignore[no-untyped-call]
    try:
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError) as error:
        raise Unconfigured(f"service account: {error}") from error
    return configuration


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _version() -> str:
    try:
        return version("zenflow")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
