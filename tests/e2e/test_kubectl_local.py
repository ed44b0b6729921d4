"""Real kubectl, of the Kubernetes version that is imitated, against an embedded cluster over HTTP.

A custom resource of the tests' own stands for all; the JobFlow has its own tests.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import build
from tests.support.kubectl import Kubectl, KubectlFailed
from tests.support.waiting import eventually
from zenflow.local import cluster
from zenflow.local.http import kubeconfig
from zenflow.local.http.server import HttpServer
from zenflow.local.version import KUBERNETES
from zenflow.runtime.clock import SystemClock

COLUMNS = [
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Message", "type": "string", "jsonPath": ".status.message", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
SCHEMA = {
    "type": "object",
    "description": "Widget is what these tests are about.",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {"size": {"type": "integer", "description": "How big it is to be."}},
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}, "message": {"type": "string"}}},
    },
}
WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "singular": "widget",
            "kind": "Widget",
            "shortNames": ["wg"],
            "categories": ["all"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": COLUMNS,
                "schema": {"openAPIV3Schema": SCHEMA},
            }
        ],
    },
}


def widget(name: str, **spec: Any) -> str:
    """Its manifest."""
    metadata = {"name": name, "labels": {"app": name}}
    return json.dumps({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": spec})


def job(name: str, script: str) -> str:
    """The manifest of a Job that runs a shell script once."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"backoffLimit": 0, "template": template}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """An embedded cluster with the CRD, served on loopback."""
    folder = tmp_path_factory.mktemp("embedded")
    embedded = cluster.on_this_machine(workdir=folder / "work")
    server = HttpServer(embedded.api, clock=SystemClock())
    embedded.start()
    server.start()
    config = folder / "kubeconfig"
    kubeconfig.write(config, kubeconfig.build(server.url, server.certificate, server.token))
    kubectl = Kubectl(config, build.ensure(build.CONTROL)["kubectl"])
    kubectl.run("apply", "-f", "-", stdin=json.dumps(WIDGETS))
    kubectl.run("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=10s")
    yield kubectl
    server.stop()
    embedded.stop()


@pytest.fixture
def kubectl(session: Kubectl) -> Iterator[Kubectl]:
    """The same, with nothing left of what a test made."""
    yield session
    session.run("delete", "widgets,jobs,pods,configmaps,secrets,events", "--all", "--timeout=60s")


@pytest.fixture
def one(kubectl: Kubectl) -> Kubectl:
    """The same with a Widget `one` of size 1."""
    kubectl.run("apply", "-f", "-", stdin=widget("one", size=1))
    return kubectl


def refusal(kubectl: Kubectl, *arguments: str, stdin: str | None = None) -> str:
    """What kubectl says when it is refused."""
    with pytest.raises(KubectlFailed) as failed:
        kubectl.run(*arguments, stdin=stdin)
    return failed.value.stderr.strip()


def cells(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


@pytest.mark.parametrize("options", [(), ("--server-side",)])
def test_apply_creates_then_changes_then_leaves_alone(kubectl: Kubectl, options: tuple[str, ...]) -> None:
    """Client-side and server-side."""
    apply = ("apply", *options, "-f", "-", "-o", "jsonpath={.spec.size} {.metadata.generation}")
    said = [kubectl.run(*apply, stdin=widget("w", size=size)) for size in (1, 2, 2)]
    assert said == ["1 1", "2 2", "2 2"]


def test_apply_removes_what_the_manifest_no_longer_says(one: Kubectl) -> None:
    """Which it knows from the manifest it applied last."""
    one.run("annotate", "widget", "one", "kept=by-another")
    bare = json.loads(widget("one", size=1))
    del bare["metadata"]["labels"]
    one.run("apply", "-f", "-", stdin=json.dumps(bare))
    metadata = one.get("widget", "one")["metadata"]
    assert ("labels" in metadata, metadata["annotations"]["kept"]) == (False, "by-another")


def test_apply_of_a_built_in_resource_joins_lists_by_their_keys(kubectl: Kubectl) -> None:
    """A strategic merge patch: what another added to a Job's metadata stays."""
    kubectl.run("apply", "-f", "-", stdin=job("j", "exit 0"))
    kubectl.run("label", "job", "j", "team=blue")
    changed = json.loads(job("j", "exit 0")) | {"metadata": {"name": "j", "labels": {"a": "b"}}}
    kubectl.run("apply", "-f", "-", stdin=json.dumps(changed))
    labels = kubectl.get("job", "j")["metadata"]["labels"]
    assert (labels["team"], labels["a"]) == ("blue", "b")


@pytest.mark.parametrize(
    ("manifest", "field"),
    [(widget("w", size=1, colour="red"), "spec.colour"), (job("j", "").replace('"command"', '"comand"'), "comand")],
)
def test_a_misspelt_field_is_refused_by_name(kubectl: Kubectl, manifest: str, field: str) -> None:
    """By the server: kubectl finds in OpenAPI that it can leave that to it. Nothing is stored."""
    said = refusal(kubectl, "apply", "-f", "-", stdin=manifest)
    assert "strict decoding error: unknown field" in said
    assert field in said
    assert kubectl.run("get", "widgets,jobs", "-o", "name") == ""


def test_a_misspelt_field_is_warned_of_where_that_is_asked_for(kubectl: Kubectl) -> None:
    """And dropped."""
    arguments = kubectl.command("create", "--validate=warn", "-f", "-")
    made = subprocess.run(
        arguments, input=widget("w", size=1, colour="red"), capture_output=True, text=True, check=True
    )
    assert made.stderr.strip() == 'Warning: unknown field "spec.colour"'
    assert kubectl.get("widget", "w")["spec"] == {"size": 1}


def test_a_kind_that_is_not_served_is_said_to_be_missing(kubectl: Kubectl) -> None:
    """And not something about formats."""
    said = refusal(kubectl, "apply", "-f", "-", stdin=widget("w", size=1).replace("Widget", "Gadget"))
    assert 'no matches for kind "Gadget" in version "example.com/v1"' in said


def test_a_manifest_of_ten_megabytes_is_refused_in_a_sentence(kubectl: Kubectl) -> None:
    """Not by a broken connection."""
    big = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"k": "x" * 10 * 2**20}}
    said = refusal(kubectl, "create", "-f", "-", stdin=json.dumps(big))
    assert "Request entity too large: limit is 3145728" in said


@pytest.mark.parametrize(
    ("generator", "made"),
    [
        (("configmap", "x", "--from-literal=a=b"), "configmap/x"),
        (("secret", "generic", "x", "--from-literal=a=b"), "secret/x"),
        (("job", "x", "--image=busybox", "--", "true"), "job.batch/x"),
    ],
)
def test_create_makes_what_it_generates(kubectl: Kubectl, generator: tuple[str, ...], made: str) -> None:
    """kubectl sends these in protobuf."""
    assert kubectl.run("create", "-o", "name", *generator).strip() == made
    assert made in kubectl.run("get", "configmaps,secrets,jobs", "-o", "name").split()


def test_get_shows_the_columns_of_the_definition(one: Kubectl) -> None:
    """An empty status leaves its cell empty; `-o wide` shows the others too; the short name is known."""
    assert cells(one.run("get", "wg"))[0] == ["NAME", "PHASE", "SIZE", "AGE"]
    one.run(
        "patch", "wg", "one", "--subresource=status", "--type=merge", '--patch={"status":{"phase":"P","message":"m"}}'
    )
    assert cells(one.run("get", "wg"))[1][:3] == ["one", "P", "1"]
    assert cells(one.run("get", "wg", "one", "-o", "wide"))[1][:4] == ["one", "P", "1", "m"]


def test_get_all_has_custom_resources_of_that_category(one: Kubectl) -> None:
    """Beside Jobs and Pods."""
    assert "widget.example.com/one" in one.run("get", "all", "-o", "name").split()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("-o", "jsonpath={.items[*].spec.size}"), "1"),
        (("-o", "custom-columns=N:.metadata.name,S:.spec.size", "--no-headers"), "one   1"),
        (("-l", "app=one", "-o", "name"), "widget.example.com/one"),
        (("-l", "app in (two)", "-o", "name"), ""),
        (("--field-selector=metadata.name=one", "-o", "name"), "widget.example.com/one"),
        (("--field-selector=metadata.name!=one", "-o", "name"), ""),
        (("-A", "-o", "name"), "widget.example.com/one"),
        (("-n", "kube-system", "-o", "name"), ""),
        (("--chunk-size=1", "--sort-by=.spec.size", "--no-headers", "-o", "name"), "widget.example.com/one"),
    ],
)
def test_get_selects_and_formats(one: Kubectl, options: tuple[str, ...], shown: str) -> None:
    """As it does everywhere."""
    assert one.run("get", "widgets", *options).strip() == shown


def test_what_is_not_there_is_not_found(kubectl: Kubectl) -> None:
    """In kubectl's own words."""
    said = refusal(kubectl, "get", "widget", "nope")
    assert said == 'Error from server (NotFound): widgets.example.com "nope" not found'


def test_get_watch_shows_each_change_as_it_happens(one: Kubectl, tmp_path: Path) -> None:
    """One row for each, under one heading."""
    with (tmp_path / "shown").open("w+") as shown:
        watch = subprocess.Popen(one.command("get", "widgets", "--watch"), stdout=shown)

        def rows() -> list[list[str]]:
            return [row[:2] for row in cells((tmp_path / "shown").read_text())]

        eventually(lambda: len(rows()) == 2, within=30, what="the list is shown")
        for size in ("2", "3"):
            one.run("patch", "widget", "one", "--type=merge", f'--patch={{"spec":{{"size":{size}}}}}')
        eventually(lambda: len(rows()) == 4, within=30, what="both changes are shown", else_show=lambda: str(rows()))
        assert rows() == [["NAME", "PHASE"], ["one", "1"], ["one", "2"], ["one", "3"]]
        watch.send_signal(signal.SIGINT)
        watch.wait(5)


def test_describe_shows_an_object_and_its_events(kubectl: Kubectl) -> None:
    """For a Job with what its controller said of it."""
    kubectl.run("create", "-f", "-", stdin=job("j", "exit 0"))
    kubectl.run("wait", "--for=condition=Complete", "job/j", "--timeout=60s")
    eventually(lambda: "Completed" in kubectl.run("describe", "job", "j"), within=30, what="the Events are recorded")
    described = kubectl.run("describe", "job", "j")
    assert "SuccessfulCreate" in described
    assert "1 Succeeded / 0 Failed" in described


def test_an_object_can_be_annotated_labelled_patched_and_edited(one: Kubectl) -> None:
    """Each by the patch that kubectl chooses."""
    one.run("annotate", "widget", "one", "note=a")
    one.run("label", "widget", "one", "kind=round")
    one.run("patch", "widget", "one", "--type=json", '--patch=[{"op":"replace","path":"/spec/size","value":5}]')
    environment = {**os.environ, "KUBE_EDITOR": "sed -i s/size:.*/size:\\ 6/"}
    subprocess.run(one.command("edit", "widget", "one"), env=environment, check=True, capture_output=True)
    stored = one.get("widget", "one")
    assert stored["metadata"]["annotations"]["note"] == "a"
    assert stored["metadata"]["labels"]["kind"] == "round"
    assert stored["spec"]["size"] == 6


def test_the_logs_of_a_job_can_be_followed(kubectl: Kubectl, tmp_path: Path) -> None:
    """Each line as it comes; `-f` ends with the container and misses nothing."""
    go_on, shown = tmp_path / "go-on", tmp_path / "shown"
    script = f"echo one; until [ -e {go_on} ]; do sleep 0.1; done; echo two"
    kubectl.run("create", "-f", "-", stdin=job("j", script))
    eventually(lambda: kubectl.succeeds("logs", "job/j"), within=30, what="the container has started")
    with shown.open("w") as output:
        follow = subprocess.Popen(kubectl.command("logs", "--follow", "job/j"), stdout=output)
    eventually(lambda: shown.read_text() == "one\n", within=30, what="the first line is there while the second is not")
    go_on.touch()
    assert follow.wait(30) == 0
    assert shown.read_text() == "one\ntwo\n"


def test_the_logs_of_a_job_can_be_cut_and_dated(kubectl: Kubectl) -> None:
    """--tail and --timestamps."""
    kubectl.run("create", "-f", "-", stdin=job("j", "echo one; echo two"))
    kubectl.run("wait", "--for=condition=Complete", "job/j", "--timeout=60s")
    [time, line] = kubectl.run("logs", "job/j", "--timestamps", "--tail=1").split(" ")
    assert (line, datetime.fromisoformat(time.strip()).tzinfo) == ("two\n", UTC)


def test_the_container_must_be_named_where_there_are_several(kubectl: Kubectl) -> None:
    """Or kubectl takes the first; a wrong name is told."""
    containers = [{"name": name, "image": "i", "command": ["sh", "-c", f"echo from {name}"]} for name in ("a", "b")]
    spec = {"restartPolicy": "Never", "containers": containers}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    kubectl.run("create", "-f", "-", stdin=json.dumps(pod))
    kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/p", "--timeout=60s")
    assert kubectl.run("logs", "p", "-c", "b") == "from b\n"
    both = kubectl.run("logs", "p", "--all-containers", "--prefix")
    assert sorted(both.splitlines()) == ["[pod/p/a] from a", "[pod/p/b] from b"]
    assert "container c is not valid for pod p" in refusal(kubectl, "logs", "p", "-c", "c")
    assert 'previous terminated container "a" in pod "p" not found' in refusal(kubectl, "logs", "p", "-c", "a", "-p")


def test_wait_ends_when_the_condition_comes(kubectl: Kubectl) -> None:
    """And fails when it does not."""
    kubectl.run("create", "-f", "-", stdin=job("good", "exit 0"))
    kubectl.run("create", "-f", "-", stdin=job("bad", "exit 1"))
    kubectl.run("wait", "--for=condition=Complete", "job/good", "--timeout=60s")
    kubectl.run("wait", "--for=condition=Failed", "job/bad", "--timeout=60s")
    assert "timed out" in refusal(kubectl, "wait", "--for=condition=Complete", "job/bad", "--timeout=1s")


def test_delete_takes_what_belongs_to_it_along(kubectl: Kubectl) -> None:
    """Returning when the Job is gone; its running Pod follows."""
    kubectl.run("create", "-f", "-", stdin=job("j", "sleep 600"))
    kubectl.run("wait", "--for=jsonpath={.status.ready}=1", "job/j", "--timeout=60s")
    kubectl.run("delete", "job", "j", "--timeout=60s")
    assert kubectl.run("get", "jobs", "-o", "name") == ""
    kubectl.run("wait", "--for=delete", "pod", "-l", "job-name=j", "--timeout=60s")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("widget", "Widget is what these tests are about."),
        ("widget.spec.size", "How big it is to be."),
        ("wg.metadata.ownerReferences.uid", "FIELD: uid <string>"),
        ("job.spec.template.spec.containers", "FIELD: containers <[]Container>"),
    ],
)
def test_explain_knows_every_field(kubectl: Kubectl, field: str, said: str) -> None:
    """Of custom resources with their descriptions, of built-in ones with their types."""
    assert said in kubectl.run("explain", field)


def test_a_definition_is_known_as_soon_as_it_is_established(kubectl: Kubectl) -> None:
    """And no longer when it is deleted, with all its objects."""
    renamed = json.dumps(WIDGETS).replace("widget", "gadget").replace("Widget", "Gadget").replace("wg", "gg")
    kubectl.run("apply", "-f", "-", stdin=renamed)
    kubectl.run("wait", "--for=condition=Established", "crd/gadgets.example.com", "--timeout=10s")
    assert "gadgets.example.com" in kubectl.run("api-resources", "-o", "name").split()
    kubectl.run("create", "-f", "-", stdin=widget("g", size=1).replace("Widget", "Gadget"))
    kubectl.run("delete", "crd", "gadgets.example.com", "--timeout=60s")
    assert "gadgets.example.com" not in kubectl.run("api-resources", "-o", "name").split()


def test_the_server_says_what_it_is(kubectl: Kubectl) -> None:
    """Close enough to kubectl's own version for it not to warn."""
    done = subprocess.run(kubectl.command("version"), capture_output=True, text=True, check=True)
    assert f"Server Version: {KUBERNETES}+zenflow" in done.stdout
    assert done.stderr == ""
    assert "control plane" in kubectl.run("cluster-info")
    assert kubectl.run("auth", "can-i", "create", "jobs").strip() == "yes"


def test_events_are_listed_by_their_own_command_and_as_resources(kubectl: Kubectl) -> None:
    """In both groups."""
    kubectl.run("create", "-f", "-", stdin=job("j", "exit 0"))
    kubectl.run("wait", "--for=condition=Complete", "job/j", "--timeout=60s")
    eventually(lambda: "SuccessfulCreate" in kubectl.run("events"), within=30, what="the Event is recorded")
    for resource in ("events", "events.events.k8s.io"):
        assert "job/j" in kubectl.run("get", resource)
    assert "SuccessfulCreate" in kubectl.run("events", "--for=job/j", "--types=Normal")
