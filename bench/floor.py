"""The floor: the least a Python program can do to run chains of Jobs: a watch, and a create for each completed one.

It has no CRD, no status, no retries, no memory beyond one run; what zenflow costs above it is what those cost.
It imports nothing of zenflow.

    python -m bench.floor KUBECONFIG NAME FLOWS LENGTH     says ready, begins at a line on its standard input, says done
"""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from bench.workloads import CHAIN, LINK, NAMESPACE, Workload, job_template
from tests.support.rawapi import RawApi

JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
CONNECTIONS = 16


class Condition(msgspec.Struct, frozen=True):
    type: str
    status: str


class Status(msgspec.Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}


class Job(msgspec.Struct, frozen=True):
    metadata: Metadata
    status: Status = Status()

    def is_complete(self) -> bool:
        return any(each.type == "Complete" and each.status == "True" for each in self.status.conditions)


class Event(msgspec.Struct, frozen=True):
    type: str
    object: Job


def run(api: RawApi, workload: Workload) -> None:
    """Create the first Job of every chain and then each next one as its predecessor completes, several at a time."""
    completed: set[str] = set()
    events = changes(api, api.resource_version(JOBS))
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for chain in workload.chains():
            pool.submit(create, api, chain, 0)
        for event in events:
            job = event.object
            if event.type != "MODIFIED" or job.metadata.name in completed or not job.is_complete():
                continue
            completed.add(job.metadata.name)
            link = int(job.metadata.labels[LINK]) + 1
            if link < workload.length:
                pool.submit(create, api, job.metadata.labels[CHAIN], link)
            elif len(completed) == workload.steps:
                return


def changes(api: RawApi, version: str) -> Iterator[Event]:
    """Every event after that version; a watch that was read too slowly and ended goes on from the last one."""
    decode = msgspec.json.Decoder(Event).decode
    while True:
        for line in api.watch(JOBS, version, labelSelector=CHAIN):
            event = decode(line)
            version = event.object.metadata.resource_version
            yield event


def create(api: RawApi, chain: str, link: int) -> None:
    job = job_template(chain, link)
    job["metadata"]["name"] = f"{chain}-{link}"
    api.request("POST", JOBS, json.dumps(job).encode())


def main(kubeconfig: str, name: str, flows: str, length: str) -> None:
    api = RawApi(Path(kubeconfig))
    print("ready", flush=True)
    sys.stdin.readline()
    run(api, Workload(name, int(flows), int(length)))
    print("done", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
