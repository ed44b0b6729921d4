"""The flows of a run, and what their containers print, as they change.

Both read the API like any other client; nothing here draws, decides or writes.
"""

from collections.abc import Callable, Iterator
from random import random

import msgspec

from zenflow.api import names
from zenflow.api.types import JobFlow
from zenflow.cli.text import log_line
from zenflow.local.loop.objects import PODS, Pod
from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError, StreamEnded
from zenflow.runtime.informer import Informer
from zenflow.runtime.reflector import Reflector
from zenflow.runtime.transport import Request, Stream, Transport

FLOWS = Resource(names.GROUP, names.VERSION, names.PLURAL, names.KIND)


class _Meta(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class _Seen(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    flow: JobFlow
    raw: bytes


_decode_meta = msgspec.json.Decoder(_Meta).decode


def _decode(raw: bytes) -> _Seen:
    copy = bytes(raw)
    return _Seen(_decode_meta(copy).metadata, JobFlow.model_validate_json(copy), copy)


class FlowWatch:
    """Every flow ever seen, by UID, in its last state, parsed and raw: a flow that was deleted stays as it ended.

    `on_change(old, new)` is called by `step` for each change of a status; `old` is None the first time.
    """

    def __init__(
        self, transport: Transport, clock: Clock, on_change: Callable[[JobFlow | None, JobFlow], None]
    ) -> None:
        self.flows: dict[str, JobFlow] = {}
        self.raw: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        informer: Informer[_Seen] = Informer(FLOWS, _decode)
        informer.add_handler(self._note)
        self._on_change = on_change
        self._reflector = Reflector(Client(transport), informer, clock=clock, random=random)

    def step(self) -> float:
        """Take in what has happened; returns the seconds after which it is worth asking again."""
        return self._reflector.step()

    def close(self) -> None:
        """Give the watch back."""
        self._reflector.close()

    def _note(self, old: _Seen | None, new: _Seen | None) -> None:
        last = new or old
        if last is None:
            return
        uid = last.metadata.uid
        if new is None:
            self.deleted.add(uid)
        before = self.flows.get(uid)
        self.flows[uid], self.raw[uid] = last.flow, last.raw
        if before is None or before.status != last.flow.status:
            self._on_change(before, last.flow)


class _Tail:
    """The output of one container of one Pod, across its restarts."""

    def __init__(self, transport: Transport, pod: Pod, container: str) -> None:
        self._transport = transport
        self._pod = pod
        self._container = container
        self._stream: Stream | None = None
        self._starts_read = 0

    def lines(self, starts: int) -> Iterator[str]:
        """What has been printed since the last call; `starts` is how often the container was started so far."""
        while self._stream or self._open_next(starts):
            try:
                while found := self._stream.read() if self._stream else ():
                    yield from map(log_line, found)
                return
            except StreamEnded:
                self.close()

    @property
    def is_open(self) -> bool:
        """Whether more may come from what has been started."""
        return self._stream is not None

    def close(self) -> None:
        """Give the stream back."""
        stream, self._stream = self._stream, None
        if stream:
            stream.close()

    def _open_next(self, starts: int) -> bool:
        """Open the output of the next start, or of the one before the last where more were missed."""
        if starts - self._starts_read > 1:
            self._starts_read = starts - 1
            self._stream = self._open(("previous", "true"))
        if self._stream is None and self._starts_read < starts:
            self._stream = self._open()
            self._starts_read += self._stream is not None
        return self._stream is not None

    def _open(self, *more: tuple[str, str]) -> Stream | None:
        meta = self._pod.metadata
        query = (("container", self._container), ("follow", "true"), *more)
        request = Request("GET", PODS.path(meta.namespace, meta.name, "log"), query=query)
        try:
            return self._transport.stream(request, silence=3600.0)
        except ApiError:
            return None  # Not started yet, or gone: asked again at the next step, as long as the Pod is there.


class LogWatch:
    """The output of all containers of all steps.

    `on_line(source, line)` is called by `step`, for each line in the order in which it was printed. A source is
    `flow/step`, with the container where a Pod has several and the index of a Pod of an Indexed Job.
    """

    def __init__(self, transport: Transport, clock: Clock, on_line: Callable[[str, str], None]) -> None:
        self._transport = transport
        self._on_line = on_line
        self._tails: dict[tuple[str, str], _Tail] = {}
        self._active: dict[str, Pod] = {}  # by UID: Pods that may still have something to say
        self._final: set[str] = set()  # those of them that will start nothing more
        selector = f"{names.LABEL_FLOW_UID},{names.LABEL_STEP}"
        informer: Informer[Pod] = Informer(PODS, msgspec.json.Decoder(Pod).decode, label_selector=selector)
        informer.add_handler(self._on_pod)
        self._reflector = Reflector(Client(transport), informer, clock=clock, random=random)

    @property
    def is_drained(self) -> bool:
        """Whether no Pod is left that runs or has something to say."""
        return not self._active

    def step(self) -> float:
        """Pass on what has been printed; returns the seconds after which it is worth asking again."""
        wait = self._reflector.step()
        for uid, pod in list(self._active.items()):
            is_open = self._read(pod)
            if uid in self._final and not is_open:
                self._forget(uid)
        return wait

    def close(self) -> None:
        """Give all streams back."""
        self._reflector.close()
        for tail in self._tails.values():
            tail.close()

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None:
            return
        self._active[pod.metadata.uid] = pod
        if new is None or new.is_terminal:
            self._final.add(pod.metadata.uid)

    def _read(self, pod: Pod) -> bool:
        """Read what is there; whether more may come from a container that has started."""
        tails = []
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
            key = (pod.metadata.uid, status.name)
            tail = self._tails.setdefault(key, _Tail(self._transport, pod, status.name))
            for line in tail.lines(status.restart_count + 1):
                self._on_line(_source(pod, status.name), line)
            tails.append(tail)
        return any(tail.is_open for tail in tails)

    def _forget(self, uid: str) -> None:
        pod = self._active.pop(uid)
        self._final.discard(uid)
        for container in (*pod.spec.init_containers, *pod.spec.containers):
            self._tails.pop((uid, container.name), None)


def _source(pod: Pod, container: str) -> str:
    labels = pod.metadata.labels
    index = f"[{pod.completion_index}]" if pod.completion_index is not None else ""
    several = len(pod.spec.containers) + len(pod.spec.init_containers) > 1
    return f"{labels[names.LABEL_FLOW]}/{labels[names.LABEL_STEP]}{index}" + (f"/{container}" if several else "")
