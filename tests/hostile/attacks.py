"""All attacks, kind by kind."""

from tests.hostile import children, decoding, events, groups, numbers, ports, rights, sizes, templates, texts
from tests.hostile.attack import Attack

KINDS = (decoding, sizes, numbers, texts, events, children, rights, groups, ports, templates)
ATTACKS: tuple[Attack, ...] = tuple(attack for kind in KINDS for attack in kind.ATTACKS.all)
