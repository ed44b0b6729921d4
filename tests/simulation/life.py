"""A simulation in which people act at given moments, driven until something holds: for what comes after the end."""

import json
from collections.abc import Callable
from typing import Any

from tests.simulation.world import Simulation
from zenflow.controller.objects import CLAIMS, CONFIG_MAPS, JOBFLOWS, JOBS, PODS
from zenflow.runtime.client import Resource
from zenflow.runtime.errors import NotFound

CHILDREN = (JOBS, PODS, CONFIG_MAPS, CLAIMS)


class Life(Simulation):
    """Times are seconds since the simulation began. Acts happen at their very moment, before anybody else moves."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._began = self.clock.monotonic()
        self._acts: list[tuple[float, Callable[[], object]]] = []

    @property
    def now(self) -> float:
        return self.clock.monotonic() - self._began

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Have somebody do something then."""
        self._acts.append((self._began + seconds, act))

    def patch(self, name: str, patch: dict[str, Any], resource: Resource = JOBFLOWS) -> None:
        """What `kubectl patch --type=merge` does."""
        self._user.patch(resource, name, json.dumps(patch).encode(), "default")

    def create(self, resource: Resource, name: str, **fields: Any) -> None:
        """Create an object of somebody else's."""
        metadata = {"name": name, **fields.pop("metadata", {})}
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **fields}
        self._user.create(resource, json.dumps(body).encode(), "default")

    def delete(self, resource: Resource, name: str) -> None:
        self._user.delete(resource, name, "default")

    def get(self, resource: Resource, name: str) -> dict[str, Any] | None:
        """The object as it is now, None where there is none."""
        try:
            found: dict[str, Any] = json.loads(self._user.get(resource, name, "default"))
        except NotFound:
            return None
        return found

    def names(self, *resources: Resource) -> list[str]:
        """All objects of these types."""
        pages = (page for resource in resources for page in self._user.pages(resource, "default"))
        return [json.loads(bytes(item))["metadata"]["name"] for page in pages for item in page.items]

    def status(self, name: str) -> dict[str, Any]:
        """What the flow says; empty where it says nothing, or is gone."""
        found: dict[str, Any] = (self.get(JOBFLOWS, name) or {}).get("status", {})
        return found

    def run(self, rounds: int = 20_000) -> dict[str, Any]:
        self.until(self.history.all_ended, rounds)
        return self.history.end_state()

    def until(self, holds: Callable[[], object], rounds: int = 20_000) -> None:
        """Drive everybody until it holds, and nothing is left to do at that moment."""
        for _ in range(rounds):
            self._act()
            actors: list[Callable[[], bool]] = [self._cluster.step, self.replica.step]
            self.random.shuffle(actors)
            did_something = [actor() for actor in actors]
            self.history.observe()
            if any(did_something):
                continue
            if holds():
                return
            self._pass_time()
        raise AssertionError(f"not within {rounds} rounds: {self.history.end_state()}")

    def until_time(self, seconds: float) -> None:
        """Drive everybody until then."""
        self.at(seconds, lambda: None)
        self.until(lambda: self.now >= seconds)

    def broken_promises(self) -> list[str]:
        """Violations; but each act and each refusal is worth a status write of its own."""
        return [promise for promise in self.history.violations if not promise.startswith("I15")]

    def _act(self) -> None:
        due = [entry for entry in self._acts if entry[0] <= self.clock.monotonic()]
        for entry in due:
            self._acts.remove(entry)
            entry[1]()

    def _pass_time(self) -> None:
        times = (self._cluster.next_due(), self.replica.next_due(), *(at for at, _ in self._acts))
        due = min((time for time in times if time is not None), default=None)
        assert due is not None, f"nobody will ever do anything again: {self.history.end_state()}"
        self.clock.advance(max(due - self.clock.monotonic(), 0.001))
