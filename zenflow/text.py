"""Text that others wrote, made safe to keep and to show. Pure, and below every other room: it knows nothing of ours.

Whatever comes from a container, a Pod, an Event, an API server, an annotation or a spec passes here before it stands in
a status, an Event, a log line or on a terminal. It becomes one line, so that no message can look like two; nothing in
it steers a terminal or reorders what stands around it; and it is short, however much was written.
"""

import re

MAX_MESSAGE = 1024  # bytes of UTF-8, as core/v1 allows an Event's message
MAX_REASON = 128  # characters, as events.k8s.io/v1 allows
LINE_BREAK = " | "
HIDDEN = "\ufffd"

# More is not even looked at: its middle would be cut anyway.
_LOOKED_AT = 16 * MAX_MESSAGE
_HEAD, _GAP = 256, " ... "
# CSI (colours, cursor), then strings ended by ST or BEL (window titles, clipboard), then what is left of two
# characters. Each in its 7-bit form and in the 8-bit form that starts with a C1 control.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Where a terminal, a browser or Python begins a new line.
_BREAKS = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]+")
# Control characters, marks that reorder or hide what stands around them, and halves of surrogate pairs, which are no
# UTF-8.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# meta/v1 Condition, without its limit of 1,024.
_REASON = re.compile(r"[A-Za-z](?:[A-Za-z0-9_,:]*[A-Za-z0-9_])?")


def as_line(text: str, *, hidden: str = HIDDEN) -> str:
    """The text without escape sequences, its lines joined by " | ".

    A control character, or a mark that reorders text, becomes `hidden`. As long as the text was, or a little longer.
    """
    lines = _BREAKS.split(_ESCAPES.sub("", text))
    line = lines[0] if len(lines) == 1 else LINE_BREAK.join(filter(None, map(str.strip, lines)))
    return _UNPRINTABLE.sub(hidden, line.replace("\t", "    "))


def as_message(text: str) -> str:
    """One line of at most 1 KiB of UTF-8; of a longer one the first 256 bytes and the end, where errors stand.

    What has passed here once passes unchanged. The time it takes does not grow with the text.
    """
    if len(text) <= MAX_MESSAGE and text.isascii() and text.isprintable():
        return text  # as nearly always
    if len(text) > _LOOKED_AT:
        text = text[:MAX_MESSAGE] + _GAP + text[-_LOOKED_AT // 2 :]
    line = as_line(text)
    raw = line.encode()
    if len(raw) <= MAX_MESSAGE:
        return line
    head, tail = raw[:_HEAD], raw[-(MAX_MESSAGE - _HEAD - len(_GAP)) :]
    return head.decode(errors="ignore") + _GAP + tail.decode(errors="ignore")


def as_reason(text: str, otherwise: str) -> str:
    """A reason as Kubernetes has them: one word of at most 128 ASCII letters, digits, "_", "," and ":".

    Anything else becomes `otherwise`: a word that cannot be right is not shown in part.
    """
    return text if len(text) <= MAX_REASON and _REASON.fullmatch(text) else otherwise
