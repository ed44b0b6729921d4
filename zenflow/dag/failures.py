"""What a failed attempt means: `podFailurePolicy` (semantics.md, section 5) and the words for it."""

import re
from collections.abc import Sequence

from zenflow.api.types import ExitCodeOperator, OnExitCodes, PodFailureAction, PodFailurePolicy
from zenflow.dag.snapshot import JOB_DELETED, Attempt, ContainerExit
from zenflow.text import as_message

DEFAULT_CONTAINER = "main"

_EXIT = re.compile(r"container (\S+) exited with (\d{1,3})(?: \((\w+)\))?(?:: (.*))?", re.DOTALL)


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
    cause = describe_exit(attempt.exits[-1]) if attempt.exits else attempt.message
    return as_message(f"{head}: {cause}" if cause else head)


def describe_exit(exited: ContainerExit) -> str:
    """`container main exited with 3: last lines`."""
    text = f"container {exited.container} exited with {exited.exit_code}"
    if exited.reason and exited.reason != "Error":
        text += f" ({exited.reason})"
    message = exited.message.strip()
    return f"{text}: {message}" if message else text


def read_exit(text: str) -> ContainerExit | None:
    """What `describe_exit` told, as far as the message is not cut; None for any other text."""
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
