"""Events that lie: whoever may create them can say anything about any Pod.

The controller asks for Events when a Pod has stood still for half a minute. Each attack here has several flows, so that
the half minute passes once for all of them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import RAW, Work, event, flow, managed, nested_fields, step, with_raw
from tests.hostile.stage import Stage
from tests.hostile.texts import ODD, assert_clean
from tests.support.waiting import eventually

ATTACKS = Attacks("events")
ASKED_AFTER = 30


@dataclass(frozen=True)
class Lie:
    """Fields of an Event; `deep` makes its managedFields deep, `copies` are how many of it there are."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    deep: bool = False
    copies: int = 1


def waiting(name: str) -> dict[str, Any]:
    """A flow of two branches: one whose Pod does not start until its Job is deleted, and one that goes on."""
    stuck = step("stuck")
    template = stuck["template"]["spec"]["template"]
    template["metadata"]["annotations"]["fake.zenflow.test/waiting"] = "ContainerCreating"
    template["spec"]["volumes"] = [{"name": "none", "secret": {"secretName": "nowhere"}}]
    template["spec"]["containers"][0]["volumeMounts"] = [{"name": "none", "mountPath": "/none"}]
    other = step("other", work=Work(seconds=33))
    made: dict[str, Any] = flow(name, stuck, other, step("after", "other"))
    return made


def told(*lies: Lie) -> Callable[[Stage], Iterator[None]]:
    """A flow for each lie, beside whose stuck branch the other must go on; nothing it says acts on a reader."""

    def deed(stage: Stage) -> Iterator[None]:
        for lie in lies:
            stage.tenant("bob").create("jobflows", waiting(lie.name)).stored()
        for lie in lies:
            pod = eventually(lambda name=lie.name: pod_of(stage, name), within=60, what=f"the Pod of {lie.name}")
            for copy in range(lie.copies):
                body = event(f"{lie.name}-{copy}", pod, "Pod", **lie.fields)
                if lie.deep:
                    body["metadata"]["managedFields"] = managed()
                sent = with_raw(body, nested_fields(1_200)) if lie.deep else json.dumps(body).encode()
                stage.tenant("eventer").create("events", sent)
        yield
        for lie in lies:
            # Started after the first look at Events, so every reconcile since has had them before it.
            stage.wait_for_step(lie.name, "after", "Succeeded", within=ASKED_AFTER * 3)
            assert stage.step(lie.name, "stuck")["phase"] == "Running"
            assert_clean(stage, lie.name)

    return deed


def pod_of(stage: Stage, flow: str) -> dict[str, Any] | None:
    return next(iter(stage.admin.list("pods", f"jobflow={flow},workflow.zen.io/step=stuck")), None)


assert RAW in json.dumps(managed())
ATTACKS.add(
    "that-are-hard-to-read",
    told(
        Lie("deep", deep=True),
        Lie("far", {"lastTimestamp": "9999-12-31T23:59:59Z", "firstTimestamp": "0001-01-01T00:00:00Z"}),
        Lie("counted", {"count": 2**31 - 1, "series": {"count": 2**31 - 1}}),
        Lie("many", {"message": "x" * 1_000}, copies=600),
    ),
    kills=True,
)
ATTACKS.add("of-odd-reasons", told(*(Lie(name, {"reason": text}) for name, text in ODD.items())))
ATTACKS.add("of-odd-messages", told(*(Lie(name, {"message": text}) for name, text in ODD.items())))
ATTACKS.add(
    "of-a-megabyte",
    told(
        Lie("reason", {"reason": "R" * 1_200_000}),
        Lie("message", {"message": "m" * 1_200_000}),
        Lie("type", {"type": "Warning", "reason": "R" * 1_571_800}),
        Lie("approved", {"reason": "Approved", "message": "Step g: approved by alice"}),
    ),
)
