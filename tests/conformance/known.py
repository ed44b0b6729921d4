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


_MESSAGE = r"^\.body\.message: "


def _beyond(complaint: str, reason: str) -> Difference:
    """The real server has one complaint more."""
    told = re.escape("{'reason': 'FieldValueInvalid', 'message': 'Invalid value: ") + complaint + r"[^{}]*\}"
    both = r"(?P<before>.*?)(?:, )?" + told + r"(?:, )?(?P<after>.*)"
    return Difference(rf"^\.body\.details\.causes: \[{both}\] != \[(?P=before)(?:, )?(?P=after)\]$", reason)


KNOWN: tuple[Difference, ...] = (
    Difference(
        _MESSAGE + r"'(?P<what>.* Go struct field .*)\.ProbeHandler(?P<rest>\..*)' != '(?P=what)(?P=rest)'$",
        "the real server names a Go struct that stands between a probe and its action; the wire knows none",
    ),
    Difference(
        r"^\.body\.metadata\.finalizers: \[(?P<own>.*?)(, )?'kubernetes\.io/pvc-protection'\] != "
        r"(\[(?P=own)\]|None)$",
        "nothing here would lift the finalizer that protects a claim in use (docs/local-cluster.md)",
    ),
    Difference(
        _MESSAGE + r"'(?P<what>Operation cannot be fulfilled on [^:]*): StorageError: invalid object, Code: 4, "
        r"Key: /registry/\S+, ResourceVersion: 0, AdditionalErrorMsg: (?P<why>Precondition failed: .*)' "
        r"!= '(?P=what): (?P=why)'$",
        "the real server lets the words and the key of its etcd client through; there is no etcd here",
    ),
    Difference(
        _MESSAGE + r"""'(?P<what>.* no kind .*) in scheme "pkg/\S+\.go:\d+"' != '(?P=what)'$""",
        "the real server names a line of its own source",
    ),
    Difference(
        r"^\.body\.(message|details\.causes\[0\]\.message): .*managedFields.*: "
        r"(?P<why>(?:json: cannot unmarshal|illegal base64) .*)' "
        r"!= .*: (?P=why)'$",
        "a patch that gives a wrong type is answered with the whole patched object; managedFields are not kept here",
    ),
    Difference(
        r"^\.body\.details\.causes\[\d\]\.message: 'Invalid value: \{.*\}(?P<why>: field is immutable)' "
        r"!= 'Invalid value: \{.*\}(?P=why)'$",
        "the real server shows a changed template as the Go struct of its internal version",
    ),
    Difference(
        r"^\.body\.details\.causes\[\d\]\.message: (?P<q>['\"])"
        r"(?P<why>Forbidden: (?:pod updates may|spec is immutable).*)\\n@@.*(?P=q) != (?P=q)(?P=why)(?P=q)$",
        "the real server adds the lines of its internal version in which the two specs differ",
    ),
    _beyond(
        "null: some validation rules were not checked",
        "CEL rules are not evaluated here (docs/local-cluster.md), so nothing is said of those left out",
    ),
    _beyond(
        r'"[^"]*": must be at most 63 lower-case',
        "the rule for names of JobFlows is CEL in the CRD; the admission of the controller knows it, too",
    ),
)


def unexpected(lines: list[str]) -> list[str]:
    """The lines that no known difference explains."""
    return [line for line in lines if not any(re.search(known.pattern, line) for known in KNOWN)]
