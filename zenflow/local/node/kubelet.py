"""The kubelet of the local cluster: Pods become runs of an Executor, their ends become Pod statuses.

There is one node, this machine. A Pod is taken on when fewer than `slots` run; until then it is Pending.
The rules for one Pod are in `pod_worker`; here are the watch, the slots and the writing.
Probes, lifecycle hooks, resources and security contexts are not known: a running container counts as ready.
"""

from contextlib import suppress
from functools import partial

import msgspec

from zenflow.local.loop.mirror import Mirror
from zenflow.local.loop.objects import PODS, Pod
from zenflow.local.loop.outgoing import NoEvents, Recorder, patch_of, reference
from zenflow.local.loop.worker import Worker
from zenflow.local.node.executor import Executor, Exit
from zenflow.local.node.pod_worker import PodWorker
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import NotFound
from zenflow.runtime.informer import Informer

NODE_NAME = "local"


class Kubelet:
    """Steps through Pods that need a look; see `Worker.step`. `slots` bounds how many run at once (None: no bound)."""

    def __init__(
        self,
        client: Client,
        executor: Executor,
        *,
        clock: Clock,
        events: Recorder | None = None,
        slots: int | None = None,
    ) -> None:
        self._client = client
        self._executor = executor
        self._clock = clock
        self._events = events or NoEvents()
        self._slots = slots
        self._workers: dict[str, PodWorker] = {}  # by Pod uid; each holds a slot
        self._published: dict[str, bytes] = {}  # by Pod uid: the status last written
        self._left: dict[Key, list[PodWorker]] = {}  # those of them whose object is gone; a successor may have the key
        self._done: set[str] = set()  # uids of Pods that have ended and still exist: they never run again
        self._waiting: dict[Key, None] = {}  # Pods without a slot, oldest first
        self._pods: Informer[Pod] = Informer(PODS, msgspec.json.Decoder(Pod).decode)
        self._pods.add_handler(self._on_pod)
        self._worker = Worker("kubelet", (Mirror(client, self._pods),), self._sync, clock)

    def step(self) -> bool:
        """Take note of what ended, then look at one Pod. False means that there was nothing to do."""
        for ended in self._executor.exits():
            self._exited(ended)
        return self._worker.step()

    def next_due(self) -> float | None:
        """When, on the monotonic clock, a step will have something to do although nothing changes; None: never."""
        times = (self._worker.next_due(), self._executor.next_due())
        return min((time for time in times if time is not None), default=None)

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is None:
            self._on_gone(old)
        pod = new or old
        if pod is not None:
            self._worker.queue.add(pod.metadata.key)

    def _on_gone(self, pod: Pod) -> None:
        self._done.discard(pod.metadata.uid)
        worker = self._workers.get(pod.metadata.uid)
        if worker is None:
            self._executor.discard(pod)
            return
        # Deleted without grace: whatever still runs ends by itself or by force, and nobody is told.
        worker.stop(self._clock.now(), pod.spec.termination_grace_period_seconds)
        self._left.setdefault(pod.metadata.key, []).append(worker)

    def _exited(self, ended: Exit) -> None:
        worker = self._workers.get(ended.run.pod_uid)
        if worker is not None:
            worker.exited(ended)
            self._worker.queue.add(worker.pod.metadata.key)

    def _sync(self, key: Key) -> None:
        pod = self._pods.cache.get(key)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            self._waiting.pop(key, None)
        try:
            self._look_at(key, pod)
        finally:
            self._offer_slot()

    def _look_at(self, key: Key, pod: Pod | None) -> None:
        for left in tuple(self._left.get(key, ())):
            self._wind_up(left)
        if pod is None:
            return
        worker = self._workers.get(pod.metadata.uid)
        if worker is None and self._may_run(pod):
            worker = self._take_on(pod)
        if worker is not None:
            self._drive(worker, pod)
        elif pod.metadata.deletion_timestamp is not None:
            self._remove(pod)

    def _may_run(self, pod: Pod) -> bool:
        """Asked for a Pod without a worker. The cache may not show its end yet, so our own word counts too."""
        is_over = pod.is_terminal or pod.metadata.uid in self._done
        return not is_over and pod.metadata.deletion_timestamp is None

    def _take_on(self, pod: Pod) -> PodWorker | None:
        """Give the Pod a slot, or put it in the queue for one."""
        key = pod.metadata.key
        if not self._has_slot():
            self._waiting.setdefault(key)
            return None
        self._waiting.pop(key, None)
        about = reference(PODS, pod.metadata)
        self._events.record(about, "Normal", "Scheduled", f"Successfully assigned {key} to {NODE_NAME}")
        worker = PodWorker(pod, self._executor, self._clock.now(), partial(self._events.record, about))
        self._workers[pod.metadata.uid] = worker
        return worker

    def _drive(self, worker: PodWorker, pod: Pod) -> None:
        now = self._clock.now()
        if pod.metadata.deletion_timestamp is not None:
            worker.stop(now, _grace(pod))
        worker.advance(now)
        self._publish(worker)
        self._worker.look_again(pod.metadata.key, worker.look_again_at)
        if worker.is_done:
            self._release(worker)
            self._done.add(pod.metadata.uid)
            if pod.metadata.deletion_timestamp is not None:
                self._remove(pod)

    def _wind_up(self, worker: PodWorker) -> None:
        """Bring a Pod whose object is gone to its end."""
        key = worker.pod.metadata.key
        worker.advance(self._clock.now())
        self._worker.look_again(key, worker.look_again_at)
        if worker.is_done:
            self._release(worker)
            self._executor.discard(worker.pod)
            others = [left for left in self._left.pop(key) if left is not worker]
            if others:
                self._left[key] = others

    def _publish(self, worker: PodWorker) -> None:
        """Write the status if it differs from what was last written."""
        meta = worker.pod.metadata
        body = patch_of({"metadata": {"uid": meta.uid}, "status": worker.status(self._clock.now())})
        if self._published.get(meta.uid) == body:
            return
        with suppress(NotFound):
            self._client.patch(PODS, meta.name, body, meta.namespace, subresource="status")
        self._published[meta.uid] = body

    def _release(self, worker: PodWorker) -> None:
        """The Pod needs its slot no more."""
        self._workers.pop(worker.pod.metadata.uid, None)
        self._published.pop(worker.pod.metadata.uid, None)

    def _has_slot(self) -> bool:
        return self._slots is None or len(self._workers) < self._slots

    def _offer_slot(self) -> None:
        """Have the Pod that has waited longest looked at, if it could start now."""
        if self._waiting and self._has_slot():
            self._worker.queue.add(next(iter(self._waiting)))

    def _remove(self, pod: Pod) -> None:
        """Finish a graceful deletion: nothing of the Pod runs."""
        meta = pod.metadata
        with suppress(NotFound):
            self._client.delete(PODS, meta.name, meta.namespace, uid=meta.uid, grace_period=0)


def _grace(pod: Pod) -> float:
    seconds = pod.metadata.deletion_grace_period_seconds
    return pod.spec.termination_grace_period_seconds if seconds is None else seconds
