"""Names of Jobs: functions of identity, and always valid."""

import re

import pytest

from zenflow.api import names


@pytest.mark.parametrize("flow", ["a", "etl", "x" * 63, "a.b." + "c" * 59, "release.v1.2", "x" * 18 + "." + "y" * 44])
@pytest.mark.parametrize("step", ["s", "load-all", "y" * 63])
@pytest.mark.parametrize("attempt", [1, 1001])
def test_the_host_name_of_any_indexed_pod_is_a_dns_label(flow: str, step: str, attempt: int) -> None:
    """Kubernetes makes it of the Job's name and the index, and refuses the Job if the last one is none."""
    name = names.job_name(flow, "uid", step, attempt)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", f"{name}-{2**31 - 2}")
    assert f"-{attempt}-" in name


def test_a_flow_created_again_gets_other_job_names() -> None:
    """Jobs of the first that are still going away are not in the way."""
    assert names.job_name("etl", "uid-1", "load", 1) != names.job_name("etl", "uid-2", "load", 1)


def test_names_that_are_cut_alike_stay_apart() -> None:
    """The hash is over the whole identity."""
    first, second = (names.job_name("etl", "uid", "s" * 62 + last, 1) for last in "ab")
    assert first != second


def test_what_is_short_enough_can_be_read_in_full() -> None:
    """`kubectl get jobs` is read by people."""
    assert re.fullmatch(
        r"nightly-etl-load-customers-2-[a-z2-7]{10}", names.job_name("nightly-etl", "u", "load-customers", 2)
    )
