"""`pods/NAME/log`: which container is meant, and what of its log is asked for."""

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.requests.options import integer, is_true
from zenflow.local.apiserver.storage.store import Entry
from zenflow.local.streams import LocalStream, LogOptions, LogSource
from zenflow.runtime.errors import StreamEnded
from zenflow.runtime.transport import Request, Response

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def open_log(source: LogSource | None, pod: Entry, request: Request) -> LocalStream:
    """Open the log of the container that is asked for, or of the only one. Raises 400."""
    meta = pod.decoded["metadata"]
    container = _container(pod, request.param("container"))
    if source is None:
        raise refusals.bad_request(f"no logs are kept of pod {meta['name']}: nothing here runs Pods")
    options = LogOptions(
        container=container,
        follow=is_true(request, "follow"),
        previous=is_true(request, "previous"),
        timestamps=is_true(request, "timestamps"),
        tail_lines=integer(request, "tailLines"),
        limit_bytes=integer(request, "limitBytes"),
        since_seconds=integer(request, "sinceSeconds"),
        since=request.param("sinceTime"),
    )
    return source.open_log(meta["namespace"], meta["name"], options)


def _container(pod: Entry, asked: str) -> str:
    meta, spec = pod.decoded["metadata"], pod.decoded["spec"]
    containers = [container["name"] for container in spec["containers"]]
    initial = [container["name"] for container in spec.get("initContainers") or ()]
    if asked:
        if asked not in (*containers, *initial):
            raise refusals.bad_request(f"container {asked} is not valid for pod {meta['name']}")
        return asked
    if len(containers) == 1:
        return str(containers[0])
    default = (meta.get("annotations") or {}).get(_DEFAULT_CONTAINER)
    if default in containers:
        return str(default)
    choices = f"choose one of: [{' '.join(containers)}]"
    if initial:
        choices += f" or one of the init containers: [{' '.join(initial)}]"
    raise refusals.bad_request(f"a container name must be specified for pod {meta['name']}, {choices}")


def whole(stream: LocalStream) -> Response:
    """All that is there now, as one response."""
    lines: list[bytes] = []
    try:
        while batch := stream.read():
            lines += batch
    except StreamEnded:
        pass
    finally:
        stream.close()
    return Response(200, b"".join(line + b"\n" for line in lines), {"content-type": "text/plain"})
