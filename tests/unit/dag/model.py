"""A small world to drive random flows to their end: Jobs that end as chance has it, people, refusals, crashes.

It knows the rules of semantics.md in words of its own, as simply as it can, and holds every decision
against them. Names of invariants (I2, I4, ...) are those of the design. No Job here runs longer than it is told
to, so that time can jump from one event to the next; all chance comes from one seed.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from tests.support.builders import START, Scene, at, exited, gate, job, on_exit, retrying, rules
from zenflow.api.types import (
    BackoffType,
    JobFlowStatus,
    JobRef,
    PodFailureAction,
    Step,
    StepPhase,
    StepStatus,
    StepType,
)
from zenflow.dag.actions import CreateJob, Decision, DeleteJob
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import JOB_DELETED, Attempt, Outcome

IGNORED, COUNTED, PLAIN = 42, 43, 1
POLICY = rules(on_exit(PodFailureAction.IGNORE, IGNORED), on_exit(PodFailureAction.COUNT, COUNTED))
LOOKS = 1000  # far more than any flow of this size needs: one that needs them all hangs or turns in place


@dataclass(frozen=True)
class Fate:
    """How a Job that runs will end. `code` is None for one that somebody deletes, 0 for one that succeeds."""

    end: float
    code: int | None


def random_flow(random: Random) -> Scene:
    """Up to 12 steps, each after some of those before it."""
    names = [f"s{number}" for number in range(random.randint(1, 12))]
    steps = [_random_step(random, name, names[:number]) for number, name in enumerate(names)]
    random.shuffle(steps)
    return Scene.of(
        *steps,
        backoff_limit=random.choice([None, None, None, 1, 4]),
        active_deadline_seconds=random.choice([None] * 7 + [60]),
        pod_failure_policy=random.choice([None, POLICY]),
    )


def _random_step(random: Random, name: str, earlier: list[str]) -> Step:
    needs = random.sample(earlier, random.randint(0, min(3, len(earlier))))
    common = {
        "when": random.choice([""] * 6 + ["Always", "NEVER"]),
        "timeout_seconds": random.choice([None] * 6 + [10, 60]),
        "continue_on_failure": random.random() < 0.5,
    }
    if random.random() < 0.15:
        return gate(name, *needs, **common)
    backoff = {"type": random.choice(list(BackoffType)), "duration": random.choice(["0s", "1500ms", "10s"])}
    policy = random.choice([None, *[retrying(random.randint(0, 3), **backoff)] * 3])
    return job(name, *needs, retry_policy=policy, **common)


@dataclass
class World:
    """One flow and all that happens to it. `run()` drives it to its end."""

    random: Random
    scene: Scene
    fates: dict[tuple[str, int], Fate] = field(default_factory=dict)
    answers: dict[str, tuple[float, str]] = field(default_factory=dict)
    invalid: frozenset[str] = frozenset()
    suspension: tuple[float, float] | None = None
    is_failing: bool = False  # by what is on record

    @classmethod
    def of(cls, seed: int) -> "World":
        """A random flow in a random world."""
        random = Random(seed)
        world = cls(random, random_flow(random))
        steps = world.scene.flow.spec.steps
        gates = [step for step in steps if step.type is StepType.MANUAL]
        world.answers = {
            step.name: (random.uniform(0, 90), random.choice(["true", "true", "true", "false"]))
            for step in gates
            if step.timeout_seconds is None or random.random() < 0.5
        }
        world.invalid = frozenset(step.name for step in steps if random.random() < 0.03)
        begin = random.uniform(0, 60)
        world.suspension = (begin, begin + 30) if random.random() < 0.2 else None
        return world

    def run(self) -> None:
        """Look, act and let time pass until the flow has ended and nothing of it runs any more."""
        for _ in range(LOOKS):
            decision = decide(self.scene.snapshot())
            self._judge(decision)
            is_settled = self._perform(decision)
            phase = self.scene.flow.status.phase
            if phase is not None and phase.is_terminal and not self._active():
                return self._judge_end()
            if is_settled:
                self._pass_time(decision)
        raise AssertionError("the flow never ends")

    # --- what the controller does ---

    def _perform(self, decision: Decision) -> bool:
        """Act, then record; whether time may pass. A crash in between loses the rest, and what only we know."""
        crash_after = self.random.randint(0, len(decision.actions)) if self.random.random() < 0.1 else None
        taken = [self._act(action) for action in decision.actions[:crash_after]]
        if crash_after is not None:
            self.scene = replace(self.scene, refusals={})
            return False
        if not all(taken):
            return False  # a refusal is a new fact: decide again
        if decision.status is not None and (decision.is_urgent or self.random.random() < 0.5):
            self._record(decision)
        return True

    def _act(self, action: object) -> bool:
        match action:
            case CreateJob():
                return self._create(action)
            case DeleteJob():
                self._delete(action)
        return True

    def _create(self, action: CreateJob) -> bool:
        name = action.step.name
        if name in self.invalid:
            self.scene = self.scene.refused(name, "InvalidTemplate")
            return False
        if self.random.random() < 0.1:
            self.scene = self.scene.refused(name, "QuotaExceeded", until=self.scene.time + 5)
            return False
        refusals = {step: refusal for step, refusal in self.scene.refusals.items() if step != name}
        now = int(self.scene.time)
        self.scene = replace(self.scene, refusals=refusals).running(name, since=now)
        code = self.random.choice([0, 0, 0, 0, PLAIN, PLAIN, IGNORED, COUNTED, None])
        self.fates[name, action.attempt] = Fate(now + self.random.randint(1, 15), code)
        return True

    def _delete(self, action: DeleteJob) -> None:
        [attempt] = [each for each in self._active() if each.job_uid == action.uid]  # nothing else may be deleted
        self._change(attempt, is_deleting=True)
        self.fates[attempt.step, attempt.number] = Fate(self.scene.time + self.random.choice([0, 3]), None)

    def _record(self, decision: Decision) -> None:
        """Publish. A final phase and all that was said with it never change again (I5)."""
        assert decision.status is not None
        before = self.scene.flow.status
        assert before.phase is None or not before.phase.is_terminal
        after = {status.name: status for status in decision.status.steps}
        for status in before.steps:
            assert not status.phase.is_terminal or after[status.name] == status, f"I5: {status.name} changed its end"
        self.scene = self.scene.recorded(self._with_uids(decision.status))
        is_first_of_two = decision.wake_at == at(self.scene.time) and not decision.actions  # on record before deleted
        assert is_first_of_two or decide(self.scene.snapshot()).status is None, "what is on record is said again"
        self.is_failing |= any(self._is_fatal(status) for status in decision.status.steps)

    def _is_recorded(self, decision: Decision) -> bool:
        return decision.status is not None and self.scene.flow.status == self._with_uids(decision.status)

    def _with_uids(self, status: JobFlowStatus) -> JobFlowStatus:
        """As the status writer has it: the UIDs of Jobs are known once they are created."""
        uids = {attempt.job_name: attempt.job_uid for each in self.scene.attempts.values() for attempt in each}
        steps = tuple(
            step.model_copy(update={"job_ref": JobRef(name=step.job_ref.name, uid=uids[step.job_ref.name])})
            if step.job_ref
            else step
            for step in status.steps
        )
        return status.model_copy(update={"steps": steps})

    # --- what the rest of the world does ---

    def _pass_time(self, decision: Decision) -> None:
        """Go to the next event, sometimes to a moment before it or a little after."""
        now = self.scene.time
        moments = [fate.end for fate in self.fates.values()]
        moments += [moment for moment, _ in self.answers.values() if moment > now]
        moments += [moment for moment in self.suspension or () if moment > now]
        if decision.status is not None and not self._is_recorded(decision):
            moments.append(now + 1)  # the time for a report; what was written or created wakes nobody
        if decision.wake_at is not None:
            moments.append((decision.wake_at - START).total_seconds())
        assert moments, "nobody will ever look at the flow again"
        then = max(now, min(moments))
        self.scene = self.scene.now(self.random.choice([then, then, then + 0.25, (now + then) / 2]))
        self._let_people_act()
        for (step, number), fate in list(self.fates.items()):
            if fate.end <= self.scene.time:
                self._end(self.scene.attempts[step][number - 1], fate)

    def _let_people_act(self) -> None:
        for name, (moment, answer) in self.answers.items():
            if moment <= self.scene.time:
                self.scene = self.scene.answered(name, answer)
        if self.suspension is not None:
            begin, end = self.suspension
            self.scene = self.scene.suspended(begin <= self.scene.time < end)

    def _end(self, attempt: Attempt, fate: Fate) -> None:
        del self.fates[attempt.step, attempt.number]
        finished_at = at(int(fate.end))
        if fate.code == 0:
            self._change(attempt, outcome=Outcome.SUCCEEDED, finished_at=finished_at)
        elif fate.code is None:
            gone = {"outcome": Outcome.FAILED, "reason": JOB_DELETED, "is_gone": True, "finished_at": finished_at}
            self._change(attempt, message="deleted", **gone)
        else:
            self._change(attempt, outcome=Outcome.FAILED, exits=(exited(fate.code),), finished_at=finished_at)

    def _change(self, attempt: Attempt, **facts: object) -> None:
        changed = replace(attempt, **facts)  # type: ignore[arg-type]
        attempts = tuple(changed if each is attempt else each for each in self.scene.attempts[attempt.step])
        self.scene = replace(self.scene, attempts={**self.scene.attempts, attempt.step: attempts})

    # --- what must hold ---

    def _judge(self, decision: Decision) -> None:
        status, policy = self.scene.flow.status, self.scene.flow.spec.execution_policy
        creations = [action for action in decision.actions if isinstance(action, CreateJob)]
        assert len({action.step.name for action in creations}) == len(creations), "I2: two Jobs at once for one step"
        if creations:
            assert status.phase is None or not status.phase.is_terminal, "I8: a start after the end"
            assert not self.is_failing, "I8: a start in a failing flow"
            assert not self.scene.flow.spec.suspend, "a start while suspended"
            if policy.active_deadline_seconds and status.start_time:
                deadline = status.start_time + timedelta(seconds=policy.active_deadline_seconds)
                assert at(self.scene.time) < deadline, "a start after the deadline"
        for action in creations:
            self._judge_creation(action)
        retries = sum(action.attempt > 1 for action in creations)
        retries += sum(len(attempts) - 1 for attempts in self.scene.attempts.values())
        assert policy.backoff_limit is None or retries <= policy.backoff_limit, "the flow's budget is overdrawn"

    def _judge_creation(self, action: CreateJob) -> None:
        step, attempts = action.step, self.scene.attempts.get(action.step.name, ())
        assert action.attempt == len(attempts) + 1, "I2, I7: not the next attempt"
        assert action.attempt <= 1 + (step.retry_policy.limit if step.retry_policy else 0), "I7: more than limit + 1"
        assert not any(attempt.is_active for attempt in attempts), "I3: attempts overlap"
        assert all(self._is_done(name) for name in step.dependencies), "I4: a dependency is not done"
        assert step.when != "NEVER", "a step that is never to run"
        assert not attempts or self._may_retry(step), "a retry of what is done"

    def _judge_end(self) -> None:
        """Everything has an end, and the end is true."""
        status, steps = self.scene.flow.status, self.scene.flow.spec.steps
        assert all(each.phase.is_terminal for each in status.steps)
        assert status.progress is not None
        assert status.progress.completed_steps == len(steps)
        if status.phase == "Succeeded":
            assert all(self._is_done(step.name) for step in steps)
        else:
            assert status.message

    def _is_fatal(self, status: StepStatus) -> bool:
        may_fail = self._step(status.name).continue_on_failure and status.reason != "BackoffLimitExceeded"
        return status.phase is StepPhase.FAILED and not may_fail

    # --- the rules of semantics.md, section 3 to 5, from what has really happened ---

    def _is_done(self, name: str) -> bool:
        """Whether dependents of a step may start."""
        step = self._step(name)
        if not all(self._is_done(dependency) for dependency in step.dependencies):
            return False
        if step.when == "NEVER":
            return True
        if step.type is StepType.MANUAL:
            return self._is_answered(step)
        if name in self.invalid:
            return step.continue_on_failure
        attempts = self.scene.attempts.get(name, ())
        return bool(attempts) and (self._is_good(step) or (step.continue_on_failure and not self._may_retry(step)))

    def _is_answered(self, step: Step) -> bool:
        moment, answer = self.answers.get(step.name, (float("inf"), ""))
        if moment <= self.scene.time and answer == "true":
            return True
        return step.continue_on_failure and (moment <= self.scene.time or step.timeout_seconds is not None)

    def _is_good(self, step: Step) -> bool:
        latest = self.scene.attempts[step.name][-1]
        has_policy = self.scene.flow.spec.execution_policy.pod_failure_policy is not None
        code = latest.exits[-1].exit_code if latest.exits and has_policy else None
        counted = code == COUNTED and not self._may_retry(step)
        return latest.outcome is Outcome.SUCCEEDED or code == IGNORED or counted

    def _may_retry(self, step: Step) -> bool:
        """Whether the step itself may have another Job, or still has one: it is neither over its limit nor late."""
        attempts = self.scene.attempts[step.name]
        limit = step.retry_policy.limit if step.retry_policy else 0
        seconds = (at(self.scene.time) - attempts[0].created_at).total_seconds()
        if step.timeout_seconds is not None and seconds >= step.timeout_seconds:
            return False
        return attempts[-1].is_active or len(attempts) <= limit

    def _step(self, name: str) -> Step:
        return next(step for step in self.scene.flow.spec.steps if step.name == name)

    def _active(self) -> list[Attempt]:
        return [attempt for attempts in self.scene.attempts.values() for attempt in attempts if attempt.is_active]
