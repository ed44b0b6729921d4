"""The independent witness: a process of its own that watches Jobs and writes down what became of each, and when.

That every attempt's Job existed exactly once, and how long the next step took to start, is read from this record, never
from the controller. Times are CLOCK_MONOTONIC of this machine, taken when the event's bytes arrived.

    python -m tests.support.recorder KUBECONFIG
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.program import Program
from tests.support.rawapi import RawApi
from tests.support.record import Record

JOBS = "/apis/batch/v1/jobs"
READY = "recording"


class Recorder:
    """Starts the witness; `record` reads what it has written so far."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._log = folder / "jobs.jsonl"
        self._program = Program((sys.executable, "-m", "tests.support.recorder", kubeconfig), self._log)

    def start(self) -> None:
        """Returns once nothing can be missed any more."""
        self._program.start()
        self._program.wait_for_output(READY, within=30)

    def stop(self) -> None:
        self._program.end()

    def record(self) -> Record:
        """Raises RuntimeError when the witness has died: then nothing may be concluded from what is missing."""
        if self._program.process.poll() is not None:
            raise RuntimeError(f"the recorder ended:\n{self._program.output()[-2000:]}")
        record = Record()
        for line in self._log.read_text().split("\n")[:-1]:
            if line != READY:
                record.add(json.loads(line))
        return record


def entries(api: RawApi) -> Iterator[dict[str, Any] | None]:
    """One entry for each event from now on; None when watching has begun."""
    version = api.resource_version(JOBS)
    yield None
    while True:
        for line in api.watch(JOBS, version):
            at = time.monotonic()
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise RuntimeError(f"events were missed: {event['object']}")
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                yield entry(event, at)


def entry(event: dict[str, Any], at: float) -> dict[str, Any]:
    job = event["object"]
    metadata, status = job["metadata"], job.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", ()) if each["status"] == "True"}
    end = conditions.get("Complete") or conditions.get("Failed")
    return {
        "at": at,
        "type": event["type"],
        "uid": metadata["uid"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "labels": metadata.get("labels", {}),
        "conditions": list(conditions),
        "creation_time": metadata["creationTimestamp"],
        "end_time": end and end["lastTransitionTime"],
        "active": status.get("active", 0),
        "succeeded": status.get("succeeded", 0),
    }


def main(kubeconfig: str) -> None:
    sys.setrecursionlimit(20_000)  # some tests make Jobs that are nested deep

    for each in entries(RawApi(Path(kubeconfig))):
        print(json.dumps(each) if each else READY, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
