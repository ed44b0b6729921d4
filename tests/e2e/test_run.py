"""`zenflow run` as people and scripts use it: a process, its output, its exit status."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.target import ZENFLOW
from tests.support.program import ROOT, Program
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"


def zenflow(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One command without a terminal, to its end."""
    command = [str(word) for word in (*ZENFLOW, *arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False, cwd=ROOT
    )


def flow(*steps: dict[str, Any], name: str = "f") -> str:
    """A JobFlow as JSON, which is YAML."""
    return json.dumps(
        {
            "apiVersion": "workflow.zen.io/v1alpha1",
            "kind": "JobFlow",
            "metadata": {"name": name},
            "spec": {"steps": list(steps)},
        }
    )


def shell(script: str, name: str = "s", **step: Any) -> dict[str, Any]:
    """A step that runs a script, once."""
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "busybox", "command": ["sh", "-c", script]}],
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    return {"name": name, "template": job, **step}


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Program]:
    """A run of a step that never ends by itself. It ignores SIGTERM, and leaves its process id in `pid`."""
    file = tmp_path / "flow.yaml"
    file.write_text(flow(shell(f"trap '' TERM; echo $$$$ > {tmp_path}/pid; echo ready; while true; do sleep 1; done")))
    program = Program((*ZENFLOW, "run", file), tmp_path / "log")
    program.start()
    program.wait_for_output("s | ready", within=30)
    yield program
    program.end()


def lives(pid: int) -> bool:
    """Whether the process is there and not only its entry."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_flow_that_succeeds_ends_with_0_and_its_logs() -> None:
    """Without a terminal: plain lines, logs led by flow and step, no escape sequence."""
    done = zenflow("run", EXAMPLES / "simple-pipeline.yaml")
    assert done.returncode == 0, done.stderr
    assert "simple-pipeline/step1 | Step 1\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("simple-pipeline Succeeded in ")
    assert "\x1b" not in done.stdout


def test_a_flow_that_fails_ends_with_1_and_says_why() -> None:
    """The last line names the step, the exit code and what it last printed."""
    done = zenflow("run", "--quiet", EXAMPLES / "failing-branch.yaml")
    assert done.returncode == 1
    [line] = done.stdout.splitlines()
    assert "Step bad failed" in line
    assert "exited with 1: disk is full" in line


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the file is empty"),
        (flow(shell("true", dependencies=["s"])), "spec.steps[0].dependencies[0]"),
        ("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n", "no JobFlow"),
        (flow(shell("true")) + "\n---\nkind: Unknown\napiVersion: v9\n", "has no kind Unknown in apiVersion v9"),
    ],
    ids=["empty", "self-dependency", "no flow", "unknown kind"],
)
def test_a_bad_file_ends_with_2_and_nothing_runs(tmp_path: Path, content: str, sentence: str) -> None:
    """One clear sentence on standard error, nothing on standard output, and no step was started."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(flow(shell(f"touch {tmp_path}/ran"), name="good"))
    bad.write_text(content)
    done = zenflow("run", *([bad] if sentence == "no JobFlow" else [good, bad]))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert not (tmp_path / "ran").exists()


def test_the_final_object_goes_to_stdout_alone() -> None:
    """With -o json standard output can be parsed; what a person reads goes to standard error."""
    done = zenflow("run", "-o", "json", EXAMPLES / "diamond.yaml")
    found = json.loads(done.stdout)
    assert found["kind"] == "JobFlow"
    assert found["status"]["progress"]["summary"] == "4/4"
    assert "diamond Succeeded" in done.stderr


def test_a_manual_step_without_a_person_says_what_to_type() -> None:
    """Refused before anything runs, with the very flag; with the flag it runs to its end."""
    file = EXAMPLES / "migration-with-approval.yaml"
    refused = zenflow("run", file)
    assert refused.returncode == 2
    assert "--approve approve-migration" in refused.stderr
    assert zenflow("run", "--approve", "approve-migration", file).returncode == 0


def test_the_files_of_one_run_share_a_cluster(tmp_path: Path) -> None:
    """A ConfigMap beside the flow is there for its steps."""
    step = shell("echo $COLOUR")
    container = step["template"]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}]
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "blue"}}
    file = tmp_path / "all.yaml"
    file.write_text(f"{json.dumps(settings)}\n---\n{flow(step)}")
    assert "f/s | blue\n" in zenflow("run", file).stdout


@pytest.mark.proves("security.no-escape-sequences")
def test_containers_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences in logs and termination messages are gone, their text stays."""
    file = tmp_path / "flow.yaml"
    file.write_text(flow(shell(r"printf '\033]0;title\007\033[2Jtext\n'; exit 1")))
    done = zenflow("run", file)
    assert "f/s | text\n" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout + done.stderr


def test_a_timeout_cancels_and_ends_with_1(tmp_path: Path) -> None:
    """What still runs is asked to end, and the run says why."""
    file = tmp_path / "flow.yaml"
    file.write_text(flow(shell("sleep 600")))
    done = zenflow("run", "--timeout", "1s", file)
    assert done.returncode == 1
    assert "--timeout is over" in done.stdout


def test_ctrl_c_cancels_cleanly(tmp_path: Path) -> None:
    """The processes get SIGTERM and their time to tidy up, nothing is left, and the exit status is 130."""
    file = tmp_path / "flow.yaml"
    tidy = "trap 'echo tidied; exit 0' TERM"
    file.write_text(flow(shell(f"{tidy}; echo $$$$ > {tmp_path}/pid; echo ready; while true; do sleep 0.1; done")))
    program = Program((*ZENFLOW, "run", file), tmp_path / "log")
    program.start()
    program.wait_for_output("s | ready", within=30)
    program.process.send_signal(signal.SIGINT)
    assert program.process.wait(20) == 130
    assert "f/s | tidied\n" in program.output()
    assert not lives(int((tmp_path / "pid").read_text()))


def test_a_second_ctrl_c_kills(endless: Program, tmp_path: Path) -> None:
    """A process that ignores SIGTERM is gone at once, not after its grace period."""
    pid = int((tmp_path / "pid").read_text())
    endless.process.send_signal(signal.SIGINT)
    endless.wait_for_output("Ctrl-C again", within=10)
    assert lives(pid)
    endless.process.send_signal(signal.SIGINT)
    assert endless.process.wait(10) == 130
    assert not lives(pid)


def test_on_a_terminal_a_key_approves() -> None:
    """The question is asked where the person looks, `y` answers it, and the terminal is left as it was."""
    leader, follower = pty.openpty()
    before = termios.tcgetattr(follower)
    command = ("setsid", "--ctty", "--wait", *ZENFLOW, "run", EXAMPLES / "migration-with-approval.yaml")
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    process = subprocess.Popen([str(word) for word in command], env=environment, cwd=ROOT, **streams)
    os.set_blocking(leader, False)
    seen = bytearray()

    def has_shown(text: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            seen.extend(os.read(leader, 65536))
        return text in seen

    def shown() -> str:
        return seen.decode(errors="replace")

    try:
        eventually(lambda: has_shown(b"Approve approve-migration of"), within=30, what="the question", else_show=shown)
        os.write(leader, b"y")
        eventually(lambda: has_shown(b"migration-with-approval Succeeded"), within=30, what="the end", else_show=shown)
        assert process.wait(10) == 0
        assert termios.tcgetattr(follower) == before
    finally:
        process.kill()
        os.close(follower)
        os.close(leader)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (("--help",), ()),
        # It asks the embedded API server what it would say of each Job; nothing of it runs.
        (("lint", EXAMPLES / "diamond.yaml"), ("zenflow.local",)),
        (("crd",), ()),
        (("version",), ()),
    ],
)
def test_small_commands_start_small(arguments: tuple[str | Path, ...], allowed: tuple[str, ...]) -> None:
    """They load neither a Kubernetes client nor the embedded cluster, so they answer at once."""
    heavy = {"kubernetes", "structlog", "zenflow.local", "zenflow.local.cluster"} - {*allowed}
    report = f"print([name for name in {sorted(heavy)} if name in sys.modules])"
    script = f"import atexit, sys; atexit.register(lambda: {report}); from zenflow.cli.main import run; run()"
    command = (ZENFLOW[0], "-c", script, *arguments)
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"
