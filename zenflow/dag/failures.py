"""What a failed attempt means: `podFailurePolicy` (semantics.md, section 5) and the words for it."""

from collections.abc import Sequence

from zenflow.api.types import (
    MAX_STATUS_MESSAGE,
    ExitCodeOperator,
    OnExitCodes,
    PodFailureAction,
    PodFailurePolicy,
)
from zenflow.dag.snapshot import JOB_DELETED, Attempt, ContainerExit

_DEFAULT_CONTAINER = "main"


def verdict(policy: PodFailurePolicy | None, exits: Sequence[ContainerExit]) -> tuple[PodFailureAction, int | None]:
    """The action of the first rule that matches, with the exit code it matched; FailJob where none does."""
    for rule in policy.rules if policy else ():
        for exited in _of_container(rule.on_exit_codes, exits):
            if _matches(rule.on_exit_codes, exited.exit_code):
                return rule.action, exited.exit_code
    return PodFailureAction.FAIL_JOB, None


def explain(attempt: Attempt) -> str:
    """One sentence on why an attempt failed: the Job's own words and the last lines of the failed container."""
    if attempt.is_gone and (attempt.reason == JOB_DELETED or not attempt.exits):
        return cut(attempt.message)
    head = f"Job {attempt.job_name} failed"
    if attempt.reason:
        head += f" ({attempt.reason})"
    cause = describe_exit(attempt.exits[-1]) if attempt.exits else attempt.message
    return cut(f"{head}: {cause}" if cause else head)


def describe_exit(exited: ContainerExit) -> str:
    """`container main exited with 3: last lines`."""
    text = f"container {exited.container} exited with {exited.exit_code}"
    if exited.reason and exited.reason != "Error":
        text += f" ({exited.reason})"
    message = exited.message.strip()
    return f"{text}: {message}" if message else text


def cut(text: str) -> str:
    """At most 1 KiB of UTF-8, so that a status stays small; the end, where errors stand, is kept."""
    raw = text.encode()
    if len(raw) <= MAX_STATUS_MESSAGE:
        return text
    head, tail = raw[:256], raw[-(MAX_STATUS_MESSAGE - 256 - 5) :]
    return head.decode(errors="ignore") + " ... " + tail.decode(errors="ignore")


def _of_container(rule: OnExitCodes, exits: Sequence[ContainerExit]) -> list[ContainerExit]:
    if rule.container_name:
        return [exited for exited in exits if exited.container == rule.container_name]
    mains = [exited for exited in exits if exited.container == _DEFAULT_CONTAINER]
    return mains or list(exits)


def _matches(rule: OnExitCodes, exit_code: int) -> bool:
    listed = exit_code in rule.values
    return listed if rule.operator is ExitCodeOperator.IN else not listed
