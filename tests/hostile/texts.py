"""Text that does something to whoever reads it: escape codes, changed direction, other people's lines."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import Work, flow, gate, step
from tests.hostile.stage import TERMINAL, Stage

ATTACKS = Attacks("texts")
MOST_BYTES = 1_024
ODD = {
    "escape-codes": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "right-to-left": "\u202eevil\u202c \u2066x\u2069 \u200f",
    "line-separators": "one\u2028two\u2029three\u0085four",
    "new-lines": "one\nStep g: Approved by alice\r\nthree\ttab\x0bfour",
    "nul-and-controls": "a\x00b\x01c\x7fd\x9be",
    "hundred-kilobytes": "word " * 20_000,
    "four-byte-characters": "\U0001f4a3" * 3_000,
    "joined-and-combining": "a" + "\u0301" * 2_000 + "\u200d\ufeff",
    "markup": "<script>alert(1)</script> {{ .Values }} $(SECRET) %s %n ${x}",
}
# What may stand in a status: text that no terminal acts on, in reading order. A new line parts lines of a message.
FORBIDDEN = {
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u2028\u2029\u200e\u200f\u061c\ufeff",
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
} - {"\n"}


def assert_clean(stage: Stage, name: str) -> None:
    """Neither the status nor the controller's Events hold what acts on a terminal, or more than a message may have."""
    status = stage.status(name)
    events = [each for each in stage.admin.list("events") if each["involvedObject"]["name"] == name]
    ours = [each for each in events if each["involvedObject"]["kind"] == "JobFlow"]
    for text in (*strings(status), *(each["message"] for each in ours), *(each["reason"] for each in ours)):
        assert not FORBIDDEN & set(text), f"{text!r}"
        assert len(text.encode()) <= MOST_BYTES, f"{len(text.encode())} bytes: {text[:100]!r}"


def strings(value: Any) -> Iterator[str]:
    """All text of a JSON value, keys excluded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def reported(text: str) -> str:
    """As much of it as a kubelet keeps; kwok, which stands in for one, can't report NUL and C1 controls."""
    kept = text.encode()[:4_000].decode(errors="ignore")
    return "".join(each for each in kept if each != "\0" and not 0x7F <= ord(each) < 0xA0)


def of_a_gate(text: str) -> Callable[[Stage], Iterator[None]]:
    """The author of a flow speaks to those who approve it."""

    def deed(stage: Stage) -> Iterator[None]:
        answer = stage.tenant("bob").create("jobflows", flow("spoken", gate("g", message=text)))
        yield
        if answer.ok:
            stage.wait_for_step("spoken", "g", "PendingApproval")
            assert_clean(stage, "spoken")

    return deed


def of_a_container(text: str) -> Callable[[Stage], Iterator[None]]:
    """What a container wrote as its last words."""

    def deed(stage: Stage) -> Iterator[None]:
        made = step("a", work=Work(codes=(3,)), job={"backoffLimit": 0})
        annotations = made["template"]["spec"]["template"]["metadata"]["annotations"]
        annotations["fake.zenflow.test/message"] = reported(text)
        answer = stage.tenant("bob").create("jobflows", flow("spoken", made))
        yield
        if answer.ok:
            assert stage.wait_for_phase("spoken", *TERMINAL)["phase"] == "Failed"
            assert_clean(stage, "spoken")

    return deed


def of_an_image(text: str) -> Callable[[Stage], Iterator[None]]:
    """What a registry or the kubelet says of an image's name."""

    def deed(stage: Stage) -> Iterator[None]:
        made = step("a")
        annotations = made["template"]["spec"]["template"]["metadata"]["annotations"]
        annotations["fake.zenflow.test/waiting"] = "ErrImagePull"
        annotations["fake.zenflow.test/message"] = reported(text)
        made["timeoutSeconds"] = 33
        stage.tenant("bob").create("jobflows", flow("spoken", made))
        stage.wait_for_step("spoken", "a", "Running", *TERMINAL)
        yield
        stage.wait_for_phase("spoken", *TERMINAL)
        assert_clean(stage, "spoken")

    return deed


for _name, _text in ODD.items():
    ATTACKS.add(f"gate-{_name}", of_a_gate(_text))
    ATTACKS.add(f"last-words-{_name}", of_a_container(_text))
ATTACKS.add("image-message", of_an_image("".join(ODD.values())))


@ATTACKS.attack("names-of-containers")
def container_names(stage: Stage) -> Iterator[None]:
    """The API server refuses such a name; what it says then is not repeated as it stands."""
    made = step("a")
    made["template"]["spec"]["template"]["spec"]["containers"][0]["name"] = ODD["escape-codes"] + ODD["right-to-left"]
    answer = stage.tenant("bob").create("jobflows", flow("named", made))
    yield
    if answer.ok:
        stage.wait_for_phase("named", "Failed")
        assert_clean(stage, "named")


@ATTACKS.attack("unknown-fields-of-a-template")
def field_names(stage: Stage) -> Iterator[None]:
    """The name of a field that is not known is the tenant's text too."""
    made = step("a")
    made["template"]["spec"]["\x1b[31m" + "\u202e" + "x" * 5_000] = 1
    answer = stage.tenant("bob").create("jobflows", flow("fields", made))
    yield
    if answer.ok:
        stage.wait_for_phase("fields", *TERMINAL)
        assert_clean(stage, "fields")


@ATTACKS.attack("metrics-carry-no-tenants-words")
def metrics(stage: Stage) -> Iterator[None]:
    made = step("a", work=Work(codes=(3,)), job={"backoffLimit": 0})
    made["template"]["spec"]["template"]["metadata"]["annotations"]["fake.zenflow.test/message"] = "tell-tale"
    stage.tenant("bob").create("jobflows", flow("tell-tale-flow", made)).stored()
    yield
    stage.wait_for_phase("tell-tale-flow", *TERMINAL)
    page = stage.scrape()
    assert "tell-tale" not in page
    assert stage.namespace not in json.dumps([line for line in page.splitlines() if line.startswith("zenflow_")])
