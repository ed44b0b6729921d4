"""A container's variables and command line, as the kubelet resolves them."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.support.workloads import pod
from zenflow.local.containers.environment import CONFIG_MAPS, SECRETS, expand, field_of, resolve
from zenflow.local.loop.objects import Container
from zenflow.local.node.executor import NotReady
from zenflow.runtime.client import Resource


class Held:
    """ConfigMaps and Secrets from a mapping."""

    def __init__(self, objects: Mapping[tuple[Resource, str], Mapping[str, bytes]]) -> None:
        self._objects = objects

    def data(self, resource: Resource, namespace: str, name: str) -> Mapping[str, bytes] | None:
        return self._objects.get((resource, name)) if namespace == "default" else None


HELD = Held({(CONFIG_MAPS, "settings"): {"color": b"blue", "size": b"3"}, (SECRETS, "login"): {"user": b"jo"}})


def variables(*env: Mapping[str, Any], env_from: tuple[Mapping[str, Any], ...] = ()) -> dict[str, str]:
    container = msgspec.convert({"name": "main", "env": env, "envFrom": env_from}, Container)
    return resolve(pod("p", labels={"app": "x"}), container, HELD)


def reference(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "V", "valueFrom": {kind: {"name": name, "key": key, **more}}}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$(C)", "$(C)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expanded: str) -> None:
    """Only `$(NAME)` of a known NAME; `$$` escapes; the shell's own syntax is left to the shell."""
    assert expand(text, {"A": "1", "B": "2"}) == expanded


def test_a_variable_sees_those_before_it() -> None:
    """Order matters, as in the Pod."""
    env = ({"name": "A", "value": "$(B)"}, {"name": "B", "value": "2"}, {"name": "C", "value": "$(B)"})
    assert variables(*env) == {"A": "$(B)", "B": "2", "C": "2"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (reference("configMapKeyRef", "settings", "color"), "blue"),
        (reference("secretKeyRef", "login", "user"), "jo"),
        ({"name": "V", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, "p"),
        ({"name": "V", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}, "x"),
    ],
)
def test_values_come_from_elsewhere(variable: Mapping[str, Any], value: str) -> None:
    """ConfigMaps, Secrets and the Pod's own fields."""
    assert variables(variable) == {"V": value}


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (reference("configMapKeyRef", "none", "color"), 'configmap "none" not found'),
        (reference("secretKeyRef", "none", "user"), 'secret "none" not found'),
        (reference("configMapKeyRef", "settings", "x"), "couldn't find key x in ConfigMap default/settings"),
        ({"name": "V", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}, "fieldPath 'spec.x' is not supported"),
        ({"name": "V", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}, "resourceFieldRef is not"),
    ],
)
def test_what_is_missing_is_named(variable: Mapping[str, Any], message: str) -> None:
    """In the kubelet's words, as a CreateContainerConfigError that is tried again."""
    with pytest.raises(NotReady) as raised:
        variables(variable)
    assert (raised.value.reason, raised.value.message[: len(message)]) == ("CreateContainerConfigError", message)


@pytest.mark.parametrize(
    "variable",
    [
        reference("configMapKeyRef", "none", "color", optional=True),
        reference("configMapKeyRef", "settings", "x", optional=True),
    ],
)
def test_what_is_optional_may_be_missing(variable: Mapping[str, Any]) -> None:
    """Then the variable is not set."""
    assert variables(variable) == {}


def test_all_keys_come_with_their_prefix() -> None:
    """envFrom; env wins over it and may refer to it."""
    env_from = ({"prefix": "CFG_", "configMapRef": {"name": "settings"}}, {"secretRef": {"name": "login"}})
    env = ({"name": "user", "value": "not $(CFG_color)"},)
    assert variables(*env, env_from=env_from) == {"CFG_color": "blue", "CFG_size": "3", "user": "not blue"}


def test_labels_as_one_field_are_lines() -> None:
    """As the downward API writes them."""
    assert field_of(pod(labels={"b": "2", "a": "1"}), "metadata.labels") == 'a="1"\nb="2"'
