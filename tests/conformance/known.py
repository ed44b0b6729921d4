"""Every known difference between the embedded API server and kube-apiserver, each with its reason."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines of `comparison.differences` that match `pattern` are expected.

    A pattern says what both servers answer, and repeats (`(?P=...)`) what they must still have in common.
    """

    pattern: str
    reason: str


KNOWN: tuple[Difference, ...] = (
    Difference(
        r"""^\.body\.message: '(?P<what>Operation cannot be fulfilled on [^:]*): StorageError: invalid object, Code: 4, """
        r"""Key: /registry/\S+, ResourceVersion: 0, AdditionalErrorMsg: (?P<why>Precondition failed: .*)' """
        r"""!= '(?P=what): (?P=why)'$""",
        "the real server lets the words and the key of its etcd client through; there is no etcd here",
    ),
    Difference(
        r"""^\.body\.message: '(?P<what>.* no kind .*) in scheme "pkg/\S+\.go:\d+"' != '(?P=what)'$""",
        "the real server names a line of its own source",
    ),
    Difference(
        r"""^\.body\.(message|details\.causes\[0\]\.message): .*managedFields.*: (?P<why>json: cannot unmarshal .*)' """
        r"""!= .*: (?P=why)'$""",
        "a patch that gives a wrong type is answered with the whole patched object; managedFields are not kept here",
    ),
)


def unexpected(lines: list[str]) -> list[str]:
    """The lines that no known difference explains."""
    return [line for line in lines if not any(re.search(known.pattern, line) for known in KNOWN)]
