"""Options of requests."""

import pytest

from zenflow.local.apiserver.requests.options import is_true
from zenflow.runtime.transport import Request


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ((), False),
        ((("watch", "true"),), True),
        ((("watch", "yes"),), True),
        ((("watch", ""),), True),
        ((("watch", "false"),), False),
        ((("watch", "FALSE"),), False),
        ((("watch", "0"),), False),
    ],
)
def test_whatever_is_not_false_is_true(query: tuple[tuple[str, str], ...], holds: bool) -> None:
    """If it is given at all: `?watch` means yes."""
    assert is_true(Request("GET", "/", query), "watch") is holds
