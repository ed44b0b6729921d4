"""Pods: defaults and what users get wrong."""

from typing import Any

import pytest

from tests.support.embedded import PODS, Embedded, pod


def test_a_pod_is_filled_in() -> None:
    """As kube-apiserver does, its default admission plug-ins included."""
    created = Embedded().create(PODS, pod())
    (container,) = created["spec"]["containers"]
    assert container == {
        "name": "main",
        "image": "busybox:1",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
    assert created["spec"]["restartPolicy"] == "Always"
    assert created["spec"]["enableServiceLinks"] is True
    assert [toleration["tolerationSeconds"] for toleration in created["spec"]["tolerations"]] == [300, 300]
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("busybox:1", "IfNotPresent"),
        ("registry:5000/busybox", "Always"),
        ("registry:5000/busybox:1", "IfNotPresent"),
        ("busybox@sha256:0", "IfNotPresent"),
    ],
)
def test_the_tag_decides_when_to_pull(image: str, policy: str) -> None:
    """The latest always, anything named once."""
    created = Embedded().create(PODS, pod(containers=[{"name": "main", "image": image}]))
    assert created["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({}, "BestEffort"),
    ],
)
def test_resources_decide_the_quality_of_service(resources: dict[str, Any], quality: str) -> None:
    """Requests default to the limits."""
    container = {"name": "main", "image": "b", "resources": resources}
    assert Embedded().create(PODS, pod(containers=[container]))["status"]["qosClass"] == quality


def test_sources_of_volumes_and_variables_are_filled_in() -> None:
    """File modes, API versions, protocols."""
    volumes = [{"name": "a", "configMap": {"name": "x"}}, {"name": "b"}]
    env = [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    container = {"name": "main", "image": "b", "env": env, "ports": [{"containerPort": 80}]}
    spec = Embedded().create(PODS, pod(volumes=volumes, containers=[container]))["spec"]
    assert spec["volumes"] == [
        {"name": "a", "configMap": {"name": "x", "defaultMode": 420}},
        {"name": "b", "emptyDir": {}},
    ]
    assert spec["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert spec["containers"][0]["ports"][0]["protocol"] == "TCP"


def _container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "busybox", **fields}]}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        (_container(name=""), "spec.containers[0].name: Required value"),
        (_container(name="A"), 'spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label'),
        (_container(image=""), "spec.containers[0].image: Required value"),
        (_container(image=" x"), "must not have leading or trailing whitespace"),
        (_container(imagePullPolicy="Often"), 'imagePullPolicy: Unsupported value: "Often"'),
        (_container(terminationMessagePolicy="Log"), 'terminationMessagePolicy: Unsupported value: "Log"'),
        (_container(ports=[{"containerPort": 70000}]), "must be between 1 and 65535, inclusive"),
        (_container(env=[{"name": "A=B"}]), "a valid environment variable name must consist only of"),
        (_container(env=[{"value": "b"}]), "spec.containers[0].env[0].name: Required value"),
        (_container(env=[{"name": "A", "valueFrom": {}}]), "env[0].valueFrom: Invalid value"),
        (
            _container(env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}]),
            "may not be specified when `value` is not empty",
        ),
        (
            _container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]),
            "env[0].valueFrom.secretKeyRef.key: Required value",
        ),
        (_container(volumeMounts=[{"name": "v", "mountPath": "/a"}]), 'volumeMounts[0].name: Not found: "v"'),
        (
            {
                **_container(volumeMounts=[{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]),
                "volumes": [{"name": "v"}],
            },
            'volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
        ),
        ({"volumes": [{"name": "v"}, {"name": "v"}]}, 'spec.volumes[1].name: Duplicate value: "v"'),
        ({"volumes": [{"emptyDir": {}}]}, "spec.volumes[0].name: Required value"),
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]},
            "may not specify more than 1 volume type",
        ),
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {}}]},
            "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
        ),
        (
            {"containers": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]},
            'spec.containers[1].name: Duplicate value: "a"',
        ),
        ({"restartPolicy": "Sometimes"}, 'spec.restartPolicy: Unsupported value: "Sometimes"'),
        ({"activeDeadlineSeconds": -1}, "spec.activeDeadlineSeconds: Invalid value: -1"),
    ],
)
def test_what_users_get_wrong(spec: dict[str, Any], told: str) -> None:
    """422 with the field's path."""
    refused = Embedded().ask("POST", PODS, pod(**spec))
    assert refused["code"] == 422
    assert told in refused["message"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("spec.nodeName=here", ["a"]),
        ("spec.nodeName=", ["b"]),
        ("status.phase=Running", ["a"]),
        ("status.phase!=Running", ["b"]),
        ("spec.hostNetwork=false", ["a", "b"]),
    ],
)
def test_pods_are_selected_by_node_and_phase(selector: str, names: list[str]) -> None:
    """As kubelets and kubectl do."""
    server = Embedded()
    server.create(PODS, pod("a", nodeName="here"))
    server.create(PODS, pod("b"))
    server.merge(f"{PODS}/a/status", {"status": {"phase": "Running"}})
    assert server.names(f"{PODS}?fieldSelector={selector}") == names


def test_unknown_fields_are_not_selected_by() -> None:
    """400."""
    refused = Embedded().get(f"{PODS}?fieldSelector=spec.x=1")
    assert (refused["code"], refused["message"]) == (400, "field label not supported: spec.x")
