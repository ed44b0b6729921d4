"""What a failed attempt means: `podFailurePolicy` (semantics.md, section 5) and the words for it."""

import re
from collections.abc import Sequence

from zenflow.api.types import ExitCodeOperator, OnExitCodes, PodFailureAction, PodFailurePolicy
from zenflow.dag.snapshot import JOB_DELETED, POD_DELETED, Attempt, ContainerExit, PodFailure
from zenflow.text import as_message

DEFAULT_CONTAINER = "main"

_EXIT = re.compile(
    r"(?:Failed \d+(?: of \d+)? times(?:, next try at about [0-9:]+Z)?: )?"
    r"(?:Pod \S+ (?:failed|was) .*?; )?"
    r"container (\S+) exited with (\d{1,3})(?: \((\w+)\))?(?:: (.*))?"
)


def verdict(
    policy: PodFailurePolicy | None, exits: Sequence[ContainerExit], *, has_main: bool = False
) -> tuple[PodFailureAction, int | None]:
    """The action of the first rule that matches, with the exit code it matched; FailJob where none does.

    `has_main`: a container is called main, though it may have succeeded.
    """
    for rule in policy.rules if policy else ():
        for exited in _of_container(rule.on_exit_codes, exits, has_main):
            if _matches(rule.on_exit_codes, exited.exit_code):
                return rule.action, exited.exit_code
    return PodFailureAction.FAIL_JOB, None


def explain(attempt: Attempt) -> str:
    """One sentence on why an attempt failed: the Job's own words and the last lines of the failed container."""
    if attempt.reason == JOB_DELETED or (attempt.is_gone and not attempt.exits):
        return as_message(attempt.message)
    head = f"Job {attempt.job_name} failed"
    if attempt.reason:
        head += f" ({attempt.reason})"
    cause = describe_cause(attempt) or attempt.message
    return as_message(f"{head}: {cause}" if cause else head)


def describe_tries(attempt: Attempt) -> str:
    """`Failed 3 of 7 times, next try at about 12:00:40Z: container main exited with 3: last lines`.

    True also when that moment is over, so that a try that begins changes nothing.
    """
    tries = attempt.tries
    assert tries is not None
    text = f"Failed {tries.failed} {f'of {tries.allowed} ' if tries.allowed else ''}times"
    if tries.next_at is not None:
        text += f", next try at about {tries.next_at:%H:%M:%SZ}"
    cause = describe_cause(attempt)
    return f"{text}: {cause}" if cause else text


def describe_cause(attempt: Attempt) -> str:
    """What the Pods of an attempt show it to have failed by the last time, "" where they show nothing."""
    exited = attempt.exits[-1] if attempt.exits else None
    failed = attempt.pod_failures[-1] if attempt.pod_failures else None
    if exited is None:
        return describe_pod(failed) if failed else ""
    if failed is None or not _explains(failed, exited):
        return describe_exit(exited)
    # The Pod's words are the cluster's, the container's anybody's: those stand last, where they can imitate nothing.
    return f"{describe_pod(failed)}; {describe_exit(exited)}" if failed.pod == exited.pod else describe_pod(failed)


def _explains(failed: PodFailure, exited: ContainerExit) -> bool:
    """Whether the Pod's failure is what the attempt failed by, and not another Pod's exit after it."""
    if failed.reason == POD_DELETED:
        return failed.pod == exited.pod and exited.by_deletion
    if failed.pod == exited.pod or exited.by_deletion:
        return True
    return failed.failed_at is not None and exited.finished_at is not None and failed.failed_at > exited.finished_at


def describe_pod(failed: PodFailure) -> str:
    """`Pod x failed (Evicted): The node was low on resource`."""
    if failed.reason == POD_DELETED:
        return f"Pod {failed.pod} was deleted while it ran"
    text = f"Pod {failed.pod} failed ({failed.reason})"
    return f"{text}: {failed.message}" if failed.message else text


def describe_exit(exited: ContainerExit) -> str:
    """`container main exited with 3: last lines`."""
    text = f"container {exited.container} exited with {exited.exit_code}"
    if exited.reason and exited.reason != "Error":
        text += f" ({exited.reason})"
    message = exited.message.strip()
    return f"{text}: {message}" if message else text


def read_exit(text: str) -> ContainerExit | None:
    """The exit that was told, alone or behind what its Pod or its Job's tries tell; None for any other text.

    Of a message that was cut, what is left of it.
    """
    told = _EXIT.fullmatch(text)
    if told is None:
        return None
    container, code, reason, message = told.groups(default="")
    return ContainerExit(container=container, exit_code=int(code), reason=reason, message=message)


def _of_container(rule: OnExitCodes, exits: Sequence[ContainerExit], has_main: bool) -> list[ContainerExit]:
    if not rule.container_name and not has_main:
        return list(exits)
    name = rule.container_name or DEFAULT_CONTAINER
    return [exited for exited in exits if exited.container == name]


def _matches(rule: OnExitCodes, exit_code: int) -> bool:
    listed = exit_code in rule.values
    return listed if rule.operator is ExitCodeOperator.IN else not listed
