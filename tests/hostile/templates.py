"""Templates that say something else than their authors mean: told before anything runs, and nothing is made."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import flow, job_step, step
from tests.hostile.stage import TERMINAL, Stage

ATTACKS = Attacks("templates")


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good template with one field set; `path` is relative to the Job."""
    made = step("x")["template"]
    place: Any = made
    *parents, last = path.split(".")
    for part in parents:
        place = place[int(part)] if part.isdecimal() else place.setdefault(part, {})
    place[last] = value
    found: dict[str, Any] = made
    return found


def told(path: str, value: Any, *words: str) -> Callable[[Stage], Iterator[None]]:
    """The first step is good: it must not run while the last has a mistake."""

    def deed(stage: Stage) -> Iterator[None]:
        steps = (step("good"), job_step("bad", "good", template=changed(path, value)))
        answer = stage.tenant("bob").create("jobflows", flow("mistaken", *steps))
        yield
        if answer.ok:
            status = stage.wait_for_phase("mistaken", *TERMINAL)
            assert status["phase"] == "Failed"
            assert status["conditions"], status
            said = status["message"]
        else:
            said = answer.message
        assert not stage.admin.list("jobs")
        for word in words:
            assert word in said, said

    return deed


POD = "spec.template.spec"
MAIN = f"{POD}.containers.0"
MISTAKES: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "comand": (f"{MAIN}.comand", ["true"], ("comand", "command")),
    "backoflimit": ("spec.backofLimit", 0, ("backofLimit", "backoffLimit")),
    "restartpolicy": (f"{POD}.restartpolicy", "Never", ("restartpolicy", "restartPolicy")),
    "env-number": (f"{MAIN}.env", [{"name": "PORT", "value": 1000}], ("env[0].value", "string")),
    "env-valeu": (f"{MAIN}.env", [{"name": "PORT", "valeu": "1"}], ("valeu", "value")),
    "args-number": (f"{MAIN}.args", [1], ("args[0]", "string")),
    "command-text": (f"{MAIN}.command", "echo hi", ("command",)),
    "backoff-limit-text": ("spec.backoffLimit", "3", ("backoffLimit",)),
    "completions-fraction": ("spec.completions", 1.5, ("completions",)),
    "containers-object": (f"{POD}.containers", {"name": "main"}, ("containers",)),
    "volume-list-of-text": (f"{POD}.volumes", ["data"], ("volumes[0]",)),
    "resources-unknown": (f"{MAIN}.resources", {"limit": {"cpu": "1"}}, ("limit", "limits")),
    "selector-in-capitals": ("spec.Selector", {}, ("Selector",)),
}
for _name, (_path, _value, _words) in MISTAKES.items():
    ATTACKS.add(_name, told(_path, _value, *_words))
