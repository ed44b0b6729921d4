"""What holds where a part of admission is missing: the policy that stamps, with no webhook in its place."""

from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.e2e import policies
from tests.e2e.people import people_of
from tests.e2e.policies import guided, takes
from tests.e2e.rights import STAMP, STORED, clean_up, gated
from tests.e2e.target import Target
from tests.support.kubectl import KubectlFailed
from tests.support.waiting import eventually

pytestmark = pytest.mark.audited


@pytest.fixture
def without_stamping(target: Target) -> Iterator[None]:
    """The policies that check are there, the one that stamps is not, nor any webhook."""
    binding = ("mutatingadmissionpolicybinding", "approvals.workflow.zen.io")
    target.kubectl.run("delete", *binding)
    eventually(lambda: not takes(target.kubectl, guided("gate")), within=60, what="nobody stamps")
    yield
    policies.install(target.kubectl)


@pytest.mark.proves("approval.stamp-unforgeable", "approval.unseen")
def test_where_nothing_stamps_no_answer_is_stored(
    target: Target, control_plane: ControlPlane, without_stamping: None
) -> None:
    """Half an installation fails closed: an answer without a stamp, or with another's, is refused."""
    people = people_of(target, control_plane)
    people.admin.create(gated("half"))
    for pairs in ((f"{STORED}=true",), (f"{STORED}=true", f"{STAMP}=carol")):
        with pytest.raises(KubectlFailed, match="only admission says who approved; leave this annotation alone"):
            people["alice"].run("annotate", "jobflow", "half", *pairs)
    people.refuses("bob", "half", "annotate", "jobflow", "half", f"{STORED}=true", f"{STAMP}=bob")
    assert people.annotations("half") == {}
    clean_up(people)
