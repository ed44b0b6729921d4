"""Each rule by which the controller survives is seen: its run passes, and fails when the rule is taken out.

1 names are functions of identity · 2 deletes name a UID, status writes a version · 3 our own writes are waited for, and
absence is looked up · 4 the first list is consistent · 5 a retry waits for Failed · 6 silence is a fault · 7 a replica
without its Lease writes nothing · 8 timers outlive the process · 9 the control plane's failures use up no attempt · 10
the controller checks what admission let through.
"""

import pytest

from tests.simulation import rules_of_reading, rules_of_writing
from tests.simulation.rule import Rule

RULES = (*rules_of_writing.RULES, *rules_of_reading.RULES)
by_name = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.number}-{rule.name}")


def test_every_rule_has_its_run() -> None:
    assert {rule.number for rule in RULES} == set(range(1, 11))


@by_name
def test_the_rule_is_kept(rule: Rule) -> None:
    rule.run()


@by_name
def test_it_is_seen_when_the_rule_is_broken(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the simulation, not by a unit test of the part."""
    rule.without(monkeypatch)
    with pytest.raises(AssertionError):
        rule.run()
