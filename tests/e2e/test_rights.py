"""Who may approve, and what nobody may forge: by the policies on a real API server, built in on the embedded one."""

import pytest

from tests.e2e.people import People, people_of
from tests.e2e.rights import CASES, Case, clean_up, flow_name
from tests.e2e.target import Target


@pytest.fixture(scope="session")
def people(target: Target, request: pytest.FixtureRequest) -> People:
    own = target.name == "control_plane"
    return people_of(target, request.getfixturevalue("control_plane") if own else None)


@pytest.mark.served
@pytest.mark.parametrize("case", CASES)
def test_rights(people: People, case: Case) -> None:
    """As the case says."""
    try:
        case(people, flow_name(case))
    finally:
        clean_up(people)
