"""What a snapshot says of itself."""

import pytest

from tests.support.builders import START, Scene, job, rival
from zenflow.dag.snapshot import Rival


@pytest.mark.parametrize(
    ("scene", "has_started"),
    [
        pytest.param(Scene.of(job("a")), False, id="new"),
        pytest.param(Scene.of(job("a")).started(), True, id="recorded"),
        pytest.param(Scene.of(job("a")).running("a"), True, id="a Job is there and nothing is recorded"),
    ],
)
def test_a_flow_has_started_by_its_record_or_its_jobs(scene: Scene, has_started: bool) -> None:
    """A crash between the first Job and the first status must not make it wait for its turn again."""
    assert scene.snapshot().has_started is has_started


@pytest.mark.parametrize(
    ("other", "is_older"),
    [
        pytest.param(rival("other", -1), True, id="a second earlier"),
        pytest.param(rival("other", 1), False, id="a second later"),
        pytest.param(rival("a", 0), True, id="same second, smaller UID"),
        pytest.param(rival("z", 0), False, id="same second, greater UID"),
    ],
)
def test_age_is_creation_time_then_uid(other: Rival, is_older: bool) -> None:
    """So that both flows of a pair agree on which of them is older."""
    assert other.is_older_than(START, "uid-m") is is_older
