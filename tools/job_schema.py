"""Write zenflow/api/job_schema.json: the fields of a batch/v1 Job and their types, for templates without a cluster.

Read from the OpenAPI document that comes with the Kubernetes of tests/cluster/go.mod:

    python -m tools.job_schema > zenflow/api/job_schema.json
"""

import json
import sys

from tools.protobuf_fields import folder_of
from zenflow.api import openapi


def main() -> None:
    document = folder_of("kubernetes") / "api" / "openapi-spec" / "v3" / "apis__batch__v1_openapi.json"
    json.dump(openapi.definitions(json.loads(document.read_text())), sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
