"""What became of a flow: its final status, what the witness saw of its Jobs, and promises that always hold."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.support.record import JobRecord, Record


@dataclass(frozen=True)
class Outcome:
    """A finished flow as the API server has it, and the record up to that moment."""

    flow: dict[str, Any]
    record: Record

    @property
    def phase(self) -> str:
        return str(self.flow["status"]["phase"])

    @property
    def progress(self) -> dict[str, Any]:
        progress: dict[str, Any] = self.flow["status"]["progress"]
        return progress

    def step(self, name: str) -> dict[str, Any]:
        """The step's status."""
        return next(each for each in self.flow["status"]["steps"] if each["name"] == name)

    def phases(self) -> dict[str, str]:
        return {each["name"]: each["phase"] for each in self.flow["status"]["steps"]}

    def jobs(self, step: str) -> list[JobRecord]:
        """The Jobs of a step's attempts, in order."""
        attempts = self.record.attempts(self.flow["metadata"]["uid"])
        return [job for (name, _), jobs in sorted(attempts.items()) if name == step for job in jobs]

    def waits(self, step: str) -> list[float]:
        """Seconds from the end of each attempt to the creation of the next, as the Jobs themselves tell."""
        waits = []
        for before, after in pairwise(self.jobs(step)):
            assert before.end_time
            assert after.creation_time
            waits.append((after.creation_time - before.end_time).total_seconds())
        return waits


def ended(job: JobRecord) -> float:
    assert job.ended_at is not None, f"{job.name} has not ended"
    return job.ended_at


def assert_always(outcome: Outcome) -> None:
    """What no flow may break: every attempt's Job existed once, attempts in turn, no step before its dependencies."""
    uid = outcome.flow["metadata"]["uid"]
    attempts = outcome.record.attempts(uid)
    twice = {key: [job.name for job in jobs] for key, jobs in attempts.items() if len(jobs) != 1}
    assert not twice, f"more than one Job for the same attempt: {twice}"
    for step in outcome.flow["spec"]["steps"]:
        numbers = sorted(number for name, number in attempts if name == step["name"])
        assert numbers == list(range(1, len(numbers) + 1)), f"{step['name']} had attempts {numbers}"
        for before, after in pairwise(outcome.jobs(step["name"])):
            assert after.created_at >= ended(before), f"{step['name']}: two attempts at once"
        for dependency in step.get("dependencies", ()):
            assert_after(outcome, step["name"], dependency)
    ran = {name for name, _ in attempts}
    manual = {step["name"] for step in outcome.flow["spec"]["steps"] if step.get("type") == "Manual"}
    said = {each["name"] for each in outcome.flow["status"]["steps"] if has_run(each)} - manual
    assert ran == said, f"the status says that {said} ran, the witness saw Jobs of {ran}"


def has_run(step: dict[str, Any]) -> bool:
    """Whether a step that is over must have had a Job: not if it was skipped, or the API server took none."""
    return step["phase"] != "Skipped" and step.get("reason") != "InvalidTemplate"


def assert_after(outcome: Outcome, step: str, dependency: str) -> None:
    for job in outcome.jobs(step)[:1]:
        for earlier in outcome.jobs(dependency):
            assert job.created_at >= ended(earlier), f"{job.name} was created before {earlier.name} had ended"
