"""Every statement of the guide is proven where it must be, and docs/conformance.md says by what."""

from tests.support.statements import PAGE, collect, gaps, load, render


def test_every_statement_is_proven_and_the_page_says_so() -> None:
    statements, proofs = load(), collect()
    assert not list(gaps(statements, proofs))
    assert PAGE.read_text() == render(statements, proofs), "stale: run `make generate`"
