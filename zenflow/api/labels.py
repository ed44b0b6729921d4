"""Labels and annotations of flows, Jobs, Pods and resource templates: text to text, within Kubernetes' limits. Pure.

The rules are those of apimachinery's `validation.IsQualifiedName`, `IsValidLabelValue` and `ValidateAnnotations`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from zenflow.api import formats
from zenflow.api.names import APPROVED_GUIDE_PREFIX
from zenflow.api.problems import Problem, Reason, entry, quote
from zenflow.api.translation import of_type

MAX_ANNOTATIONS = 256 * 1024

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_KEY = (
    'a key is at most 63 letters, digits, "-", "_" and "." with a letter or digit at both ends, '
    'and may follow a domain and "/", such as "example.com/team"'
)
_VALUE = 'a label is at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends'


def check_labels(labels: Any, field: str) -> Iterator[Problem]:
    """What is wrong with a map of labels; absent is fine."""
    yield from check_texts(labels, field)
    for key, value in labels.items() if isinstance(labels, Mapping) else ():
        where = entry(field, str(key))
        if not _is_key(str(key)):
            yield Problem(where, quote(key), _KEY, "rename it")
        elif isinstance(value, str) and value and not _NAME.fullmatch(value):
            yield Problem(where, quote(value), _VALUE, "write it so, or make it an annotation")


def check_annotations(annotations: Any, field: str) -> Iterator[Problem]:
    """What is wrong with a map of annotations; absent is fine. Their values may be any text."""
    yield from check_texts(annotations, field)
    if not isinstance(annotations, Mapping):
        return
    for key in annotations:
        # Admission moves the guide's key for approvals to one that can be stored.
        if not _is_key(str(key).lower()) and not str(key).startswith(APPROVED_GUIDE_PREFIX):
            yield Problem(entry(field, str(key)), quote(key), _KEY, "rename it")
    size = sum(len(str(text).encode(errors="replace")) for pair in annotations.items() for text in pair)
    if size > MAX_ANNOTATIONS:
        message = f"annotations may have {MAX_ANNOTATIONS} bytes in all, and these have {size}"
        yield Problem(field, "", message, "shorten them", Reason.TOO_LONG)


def check_texts(texts: Any, field: str) -> Iterator[Problem]:
    """A map of text to text, such as labels, annotations or data; absent is fine, and null is empty text."""
    if texts is not None and not isinstance(texts, Mapping):
        yield of_type(field, texts, "object")
    for key, value in texts.items() if isinstance(texts, Mapping) else ():
        if not isinstance(value, str | None):
            yield of_type(entry(field, str(key)), value, "string")


def _is_key(key: str) -> bool:
    domain, slash, name = key.rpartition("/")
    return bool(_NAME.fullmatch(name)) and (not slash or formats.OBJECT_NAME.matches(domain))
