"""`pods/NAME/log`: which container is meant, and what of its log is asked for."""

from zenflow.local.apiserver.errors import field_errors, refusals
from zenflow.local.apiserver.requests.options import integer, is_true
from zenflow.local.apiserver.schemas.decoding import is_time
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
    _check(request)
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


def _check(request: Request) -> None:
    """What can't be meant. Raises 400 and 422."""
    since = request.param("sinceTime")
    if since and not is_time(since):
        why = f'parsing time "{since}" as "2006-01-02T15:04:05Z07:00": cannot parse "{since}" as "2006"'
        raise refusals.bad_request(why)
    found = []
    for name, least, told in _LEAST:
        value = integer(request, name)
        if value is not None and value < least:
            found.append(field_errors.invalid(name, value, told))
    if since and request.param("sinceSeconds"):
        why = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        found.append(field_errors.forbidden("", why))
    if found:
        raise refusals.invalid_kind("", "PodLogOptions", "", found)


_LEAST = (
    ("tailLines", 0, "must be greater than or equal to 0"),
    ("limitBytes", 1, "must be greater than 0"),
    ("sinceSeconds", 1, "must be greater than 0"),
)


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
