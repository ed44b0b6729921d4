"""`python -m bench.templates`: what checking the templates of a flow costs the controller, without a cluster.

CPU of this process; to be compared with what a flow of five steps costs in all (W2 of `python -m bench`).
"""

import json
import time
from collections.abc import Callable
from typing import Any

from bench.workloads import jobflow
from tests.support.templates import RICH
from tools.protobuf_fields import folder_of
from zenflow.api import openapi, validation
from zenflow.api.job_schema import JobSchema, shipped

TIMES = 2000
DOCUMENT = ("api", "openapi-spec", "v3", "apis__batch__v1_openapi.json")


def main() -> None:
    plain = jobflow("w2-0", 5)
    rich = {**plain, "spec": {"steps": [{"name": f"s{i}", "template": {"spec": RICH}} for i in range(5)]}}
    document = folder_of("kubernetes").joinpath(*DOCUMENT).read_bytes()
    schema = shipped()
    print("CPU, in microseconds")
    show("templates of a flow of 5 steps, plain", lambda: schema.check(plain["spec"], 1000))
    show("templates of a flow of 5 steps, rich", lambda: schema.check(rich["spec"], 1000))
    show("all other rules, plain", lambda: validation.check(plain))
    show("reading the server's schema, once", lambda: JobSchema(openapi.definitions(json.loads(document))), times=20)


def show(what: str, run: Callable[[], Any], times: int = TIMES) -> None:
    started = time.process_time()
    for _ in range(times):
        run()
    print(f"{(time.process_time() - started) / times * 1e6:10.0f}  {what}")


if __name__ == "__main__":
    main()
