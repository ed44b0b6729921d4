"""Containers, resolved as the host executor resolves them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.support.workloads import pod
from zenflow.local.containers.launcher import Mount, Resolved
from zenflow.local.loop.objects import Container
from zenflow.local.node.executor import RunId


def resolved(
    command: tuple[str, ...] = ("run",),
    args: tuple[str, ...] = (),
    *,
    environment: Mapping[str, str] | None = None,
    **container: Any,
) -> Resolved:
    """A container with `/data` mounted from `/real`."""
    spec = msgspec.convert({"name": "main", "image": "busybox", **container}, Container)
    return Resolved(
        run=RunId("uid", "main", 2),
        pod=pod("p"),
        spec=spec,
        command=command,
        args=args,
        environment=environment or {},
        mounts=(Mount(Path("/real"), "/data", read_only=True),),
        scratch=Path("/scratch"),
        termination_file=Path("/scratch/message"),
    )
