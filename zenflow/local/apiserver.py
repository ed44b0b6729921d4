"""The embedded API server: the REST semantics of kube-apiserver over a store in memory.

It is a Transport: who holds it needs no socket. `local.server` serves the same over HTTP.
Differences from the real one are listed in docs/local-cluster.md.
"""

from collections.abc import Callable, Sequence

from zenflow.local.admission import Admission
from zenflow.local.registry import Registry
from zenflow.local.streams import LocalStream, LogSource
from zenflow.runtime.clock import Clock
from zenflow.runtime.transport import Request, Response, Transport


class ApiServer:
    """A kube-apiserver in this process, safe to use from several threads, with no thread of its own.

    `clock` gives creation times and ends watches, `uid` every uid and generated name.
    `history` is how many events of each resource a watch may lag behind before it is told 410.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        uid: Callable[[], str],
        admission: Sequence[Admission] = (),
        history: int = 1000,
    ) -> None:
        self.registry = Registry()

    def serve_logs(self, source: LogSource) -> None:
        """Answer `pods/NAME/log` from this source from now on."""

    def send(self, request: Request) -> Response:
        """Carry out one request as the user `admin`."""
        raise NotImplementedError

    def stream(self, request: Request, *, silence: float = 0.0) -> LocalStream:
        """Open a watch or a log as the user `admin`. Raises `errors.ApiError`. `silence` is for networks only."""
        raise NotImplementedError

    def as_user(self, name: str) -> Transport:
        """The same server, its requests made by this user (admission sees the name)."""
        raise NotImplementedError
