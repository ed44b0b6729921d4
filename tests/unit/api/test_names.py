"""Names of Jobs: functions of identity, and always valid."""

import re

import pytest

from zenflow.api import names


@pytest.mark.parametrize("flow", ["a", "etl", "x" * 63, "a.b." + "c" * 59])
@pytest.mark.parametrize("step", ["s", "load-all", "y" * 63])
@pytest.mark.parametrize("attempt", [1, 1001])
def test_a_job_name_is_a_dns_label_of_at_most_63_characters(flow: str, step: str, attempt: int) -> None:
    """It becomes a label value and the host name of a Pod."""
    name = names.job_name(flow, "uid", step, attempt)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)
    assert len(name) <= 63
    assert f"-{attempt}-" in name


def test_a_flow_created_again_gets_other_job_names() -> None:
    """Jobs of the first that are still going away are not in the way."""
    assert names.job_name("etl", "uid-1", "load", 1) != names.job_name("etl", "uid-2", "load", 1)


def test_names_that_are_cut_alike_stay_apart() -> None:
    """The hash is over the whole identity."""
    first, second = (names.job_name("etl", "uid", "s" * 62 + last, 1) for last in "ab")
    assert first != second
