"""All that can be known to be wrong with a flow without a cluster; what `lint` and `run` ask before anything else."""

from collections.abc import Mapping
from typing import Any

from zenflow.api import fields, validation
from zenflow.api.job_schema import shipped
from zenflow.api.problems import Problem
from zenflow.cli import children


def problems(flow: Mapping[str, Any]) -> tuple[Problem, ...]:
    """By the rules of flows, fields that nobody reads, fields and types inside of templates, and by the embedded API
    server, which is asked for the Jobs, claims and ConfigMaps that the flow would make.
    """
    known = (*validation.check(flow, shipped()), *fields.unknown(flow))
    if any(problem.field == "kind" for problem in known):
        return known
    return (*known, *children.problems(flow, known, children.embedded()))
