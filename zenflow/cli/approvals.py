"""Manual steps in `zenflow run`: which are approved on the command line, which must be asked for. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from zenflow.api import names

ALL = "all"
_SKIPPED = ("never", "false")


def gates(flow: dict[str, Any]) -> tuple[str, ...]:
    """The Manual steps of a valid flow that will be reached if all goes well."""
    steps = flow["spec"]["steps"]
    return tuple(
        step["name"]
        for step in steps
        if step.get("type") == "Manual" and str(step.get("when", "")).lower() not in _SKIPPED
    )


def approved(flow: dict[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """The flow with the approvals already on it: one given early counts when its step is reached."""
    keys = {f"{names.APPROVED_PREFIX}{step}": "true" for step in gates(flow) if _covers(flow, step, wanted)}
    if not keys:
        return flow
    metadata = flow["metadata"]
    return {**flow, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **keys}}}


def open_gates(flow: dict[str, Any], wanted: Iterable[str]) -> tuple[str, ...]:
    """The Manual steps that somebody must still be asked about."""
    return tuple(step for step in gates(flow) if not _covers(flow, step, wanted))


def unknown(flows: Iterable[dict[str, Any]], wanted: Iterable[str]) -> Iterator[str]:
    """What was approved on the command line although no flow has such a step: a sentence each."""
    choices = [f"{name_of(flow)}/{step}" for flow in flows for step in gates(flow)]
    known = {ALL, *choices, *(choice.partition("/")[2] for choice in choices)}
    there_are = f"the Manual steps are {', '.join(choices)}" if choices else "there are no Manual steps"
    for name in sorted(set(wanted) - known):
        yield f"--approve {name}: no such step; {there_are}"


def name_of(flow: dict[str, Any]) -> str:
    """The flow's name, or what its name will start with."""
    metadata = flow.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "")


def _covers(flow: dict[str, Any], step: str, wanted: Iterable[str]) -> bool:
    return any(name in (ALL, step, f"{name_of(flow)}/{step}") for name in wanted)
