"""What only the process knows: notes that go with their flow."""

from zenflow.api.names import LABEL_ATTEMPT, LABEL_STEP
from zenflow.controller.memory import MOST_PODS, Deleted, Memory
from zenflow.controller.objects import Job, Pod
from zenflow.runtime.cache import ObjectMeta


def test_notes_go_with_their_flow() -> None:
    """Ten thousand ended flows cost nothing."""
    memory = Memory()
    memory.of("one").refused_times["a"] = 3
    assert memory.of("one").refused_times == {"a": 3}
    memory.forget("one")
    assert memory.of("one").refused_times == {}


def test_of_the_deleted_pods_of_a_job_the_latest_are_kept() -> None:
    """Pods come and go by the thousand; what an informer keeps of them is bounded."""
    deleted = Deleted()
    for number in range(MOST_PODS + 5):
        deleted.keep_pods("job", Pod(metadata=ObjectMeta(name="p", uid=f"uid-{number}")))
    kept = [pod.metadata.uid for pod in deleted.pods("job")]
    assert (len(kept), kept[0], kept[-1]) == (MOST_PODS, "uid-5", f"uid-{MOST_PODS + 4}")


def test_what_is_read_of_the_deleted_does_not_change_while_more_is_deleted() -> None:
    """Informers write while a worker reads."""
    deleted = Deleted()
    for number in range(3):
        deleted.keep_job(attempt(number + 1))
    for job in deleted.jobs():
        deleted.keep_job(attempt(job.attempt + 10))
    assert len(deleted.jobs()) == 6


def test_that_a_job_has_no_pods_is_known_once_it_was_asked() -> None:
    deleted = Deleted()
    assert not deleted.knows_pods("job")
    deleted.keep_pods("job")
    assert deleted.knows_pods("job")
    assert deleted.pods("job") == ()


def attempt(number: int) -> Job:
    return Job(metadata=ObjectMeta(name="j", labels={LABEL_STEP: "a", LABEL_ATTEMPT: str(number)}))
