"""Create and update: what the server fills in, keeps, and refuses."""

from typing import Any

import msgspec
import pytest

from tests.support.embedded import CONFIG_MAPS, DEFINITIONS, JOBS, THINGS, Embedded, config_map, definition, job, thing


def test_a_created_object_is_told_who_it_is() -> None:
    """Namespace, uid, version and time of creation are the server's."""
    server = Embedded()
    created = server.create(CONFIG_MAPS, config_map(uid="mine", creationTimestamp="2000-01-01T00:00:00Z"))
    assert created["metadata"] == {
        "name": "settings",
        "namespace": "default",
        "uid": "uid-3",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "resourceVersion": str(server.api.store.version),
    }
    assert server.get(f"{CONFIG_MAPS}/settings") == created


def test_names_are_generated() -> None:
    """`generateName` gets five characters more, others for each object."""
    server = Embedded()
    names = [server.create(CONFIG_MAPS, {"metadata": {"generateName": "run-"}})["metadata"]["name"] for _ in range(2)]
    assert names[0] != names[1]
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


def test_a_name_is_taken_once() -> None:
    """409 AlreadyExists."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    refused = server.ask("POST", CONFIG_MAPS, config_map())
    assert (refused["code"], refused["reason"]) == (409, "AlreadyExists")
    assert refused["message"] == 'configmaps "settings" already exists'


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"{bad", 400, "invalid character 'b' looking for beginning of object key string"),
        (b"", 400, "unexpected end of JSON input"),
        (b"[]", 400, "cannot unmarshal array"),
        ({"kind": "Pod", "apiVersion": "v1"}, 400, 'no kind "Pod" is registered'),
        ({"apiVersion": "v2"}, 400, "does not match the expected API version"),
        (config_map(labels={"a": 1}), 400, "cannot unmarshal number into Go struct field ObjectMeta.metadata.labels"),
        (config_map(namespace="other"), 400, "does not match the namespace sent on the request"),
        (config_map(resourceVersion="7"), 500, "resourceVersion should not be set on objects to be created"),
        ({}, 422, "metadata.name: Required value: name or generateName is required"),
        (config_map("A_b"), 422, "a lowercase RFC 1123 subdomain"),
        (config_map(labels={"a b": "c"}), 422, "metadata.labels"),
        (config_map(annotations={"a/b/c": "d"}), 422, "metadata.annotations"),
        (config_map(finalizers=["short"]), 422, "neither a standard finalizer name nor is it fully qualified"),
        (config_map(ownerReferences=[{"apiVersion": "v1"}]), 422, "metadata.ownerReferences[0].uid: Required value"),
    ],
)
def test_a_bad_object_is_refused(body: Any, code: int, told: str) -> None:
    """With the status and the sentence of the real server; nothing is stored."""
    server = Embedded()
    refused = server.ask("POST", CONFIG_MAPS, body)
    assert refused["code"] == code
    assert told in refused["message"]
    assert server.names(CONFIG_MAPS) == []


def test_every_problem_is_told_at_once() -> None:
    """Each has a cause with its field."""
    refused = Embedded().ask("POST", CONFIG_MAPS, config_map("A_", labels={"a": "b c"}))
    assert [cause["field"] for cause in refused["details"]["causes"]] == ["metadata.name", "metadata.labels"]


def test_custom_objects_may_have_any_finalizer() -> None:
    """Only the kinds of Kubernetes itself insist on a domain."""
    server = Embedded()
    server.create(DEFINITIONS, definition({}))
    created = server.create(THINGS, {**thing(), "metadata": {"name": "thing", "finalizers": ["short"]}})
    assert created["metadata"]["finalizers"] == ["short"]


def test_a_namespace_must_be_there() -> None:
    """404, naming the namespace and not the object."""
    refused = Embedded().ask("POST", "/api/v1/namespaces/nowhere/configmaps", config_map())
    assert (refused["code"], refused["message"]) == (404, 'namespaces "nowhere" not found')


def test_a_dry_run_stores_nothing() -> None:
    """The answer is the same but for the version."""
    server = Embedded()
    answer = server.ask("POST", f"{CONFIG_MAPS}?dryRun=All", config_map())
    assert answer["metadata"]["uid"]
    assert "resourceVersion" not in answer["metadata"]
    assert server.names(CONFIG_MAPS) == []


@pytest.mark.parametrize("query", ["dryRun=Some", "fieldValidation=Hard"])
def test_unknown_options_are_refused(query: str) -> None:
    """422 about the options, not the object."""
    refused = Embedded().ask("POST", f"{CONFIG_MAPS}?{query}", config_map())
    assert (refused["code"], refused["details"]["kind"]) == (422, "CreateOptions")


class TestUnknownFields:
    """`fieldValidation` decides whether they are refused, told of or dropped in silence."""

    def test_strict_refuses(self) -> None:
        """All of them, by path, repeated fields first."""
        body = b'{"metadata": {"name": "a", "name": "b"}, "data": {}, "x": 1, "metadat": {}}'
        refused = Embedded().ask("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", body)
        assert refused["code"] == 400
        assert refused["message"].endswith(
            'duplicate field "metadata.name", unknown field "x", unknown field "metadat"'
        )

    def test_warn_is_the_default(self) -> None:
        """A Warning header for each."""
        response = Embedded().send("POST", CONFIG_MAPS, {**config_map(), "x": 1})
        assert response.status == 201
        assert response.headers["warning"] == '299 - "unknown field \\"x\\""'

    def test_ignore_says_nothing(self) -> None:
        """The field is dropped all the same."""
        response = Embedded().send("POST", f"{CONFIG_MAPS}?fieldValidation=Ignore", {**config_map(), "x": 1})
        assert "warning" not in response.headers
        assert "x" not in msgspec.json.decode(response.body)


class TestUpdate:
    """PUT."""

    def test_a_stale_version_is_refused(self) -> None:
        """Optimistic concurrency: 409 Conflict."""
        server = Embedded()
        old = server.create(CONFIG_MAPS, config_map())
        assert server.ask("PUT", f"{CONFIG_MAPS}/settings", {**old, "data": {"a": "c"}})["data"] == {"a": "c"}
        refused = server.ask("PUT", f"{CONFIG_MAPS}/settings", {**old, "data": {"a": "d"}})
        assert (refused["code"], refused["reason"]) == (409, "Conflict")
        assert "the object has been modified" in refused["message"]

    def test_without_a_version_built_ins_are_overwritten(self) -> None:
        """Unconditional update."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map())
        assert server.ask("PUT", f"{CONFIG_MAPS}/settings", {**config_map(), "data": {}}).get("data") is None

    def test_without_a_version_custom_objects_are_refused(self) -> None:
        """They have no unconditional update."""
        server = Embedded()
        server.create(DEFINITIONS, definition({}))
        server.create(THINGS, thing())
        refused = server.ask("PUT", f"{THINGS}/thing", thing())
        assert refused["message"].endswith(
            "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
        )

    def test_a_foreign_uid_is_a_conflict(self) -> None:
        """Somebody deleted and re-created it."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map())
        refused = server.ask("PUT", f"{CONFIG_MAPS}/settings", config_map(uid="other"))
        assert refused["code"] == 409
        assert "UID in precondition: other" in refused["message"]

    @pytest.mark.parametrize(
        ("metadata", "code"),
        [({"name": "b"}, 400), ({"name": ""}, 400), ({"namespace": "other"}, 400), ({"resourceVersion": "x"}, 500)],
    )
    def test_the_body_belongs_to_the_url(self, metadata: dict[str, str], code: int) -> None:
        """Another name or namespace is a mistake."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map("a"))
        body = {"metadata": {"name": "a", **metadata}}
        assert server.ask("PUT", f"{CONFIG_MAPS}/a", body)["code"] == code

    def test_a_missing_object_is_not_created(self) -> None:
        """404."""
        assert Embedded().ask("PUT", f"{CONFIG_MAPS}/settings", config_map())["code"] == 404

    def test_a_missing_lease_is_created(self) -> None:
        """Leases are of the few kinds that a PUT creates, whatever version it names."""
        leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
        server = Embedded()
        lease = {"metadata": {"name": "lead", "resourceVersion": "5"}, "spec": {"holderIdentity": "me"}}
        assert server.send("PUT", f"{leases}/lead", lease).status == 201
        assert server.names(leases) == ["lead"]
        refused = server.ask("PUT", f"{leases}/gone", {"metadata": {"name": "gone", "uid": "old"}})
        assert refused["code"] == 409

    def test_nothing_changed_is_nothing_written(self) -> None:
        """The version stays, no event is told."""
        server = Embedded()
        old = server.create(CONFIG_MAPS, config_map())
        assert server.ask("PUT", f"{CONFIG_MAPS}/settings", old) == old

    def test_what_the_server_gave_stays(self) -> None:
        """Left out, it is kept; changed, it is refused."""
        server = Embedded()
        old = server.create(CONFIG_MAPS, config_map())
        new = server.ask("PUT", f"{CONFIG_MAPS}/settings", {**config_map(), "data": {"x": "y"}})
        assert (new["metadata"]["uid"], new["metadata"]["creationTimestamp"]) == (
            old["metadata"]["uid"],
            old["metadata"]["creationTimestamp"],
        )
        refused = server.merge(f"{CONFIG_MAPS}/settings", {"metadata": {"creationTimestamp": "2000-01-01T00:00:00Z"}})
        assert "field is immutable" in refused["message"]


class TestStatusAndGeneration:
    """The status is written through /status only, and the generation counts the rest."""

    def test_the_main_endpoint_ignores_status(self) -> None:
        """At create and at update."""
        server = Embedded()
        assert server.create(JOBS, {**job(), "status": {"active": 1}})["status"] == {}
        assert server.merge(f"{JOBS}/job", {"status": {"active": 1}})["status"] == {}

    def test_the_status_endpoint_ignores_the_spec(self) -> None:
        """And does not count as a generation."""
        server = Embedded()
        server.create(JOBS, job())
        new = server.merge(f"{JOBS}/job/status", {"status": {"active": 1}, "spec": {"suspend": True}})
        assert (new["status"], new["spec"]["suspend"], new["metadata"]["generation"]) == ({"active": 1}, False, 1)

    def test_changes_of_the_spec_are_counted(self) -> None:
        """Those of labels are not."""
        server = Embedded()
        server.create(JOBS, job())
        assert server.merge(f"{JOBS}/job", {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
        assert server.merge(f"{JOBS}/job", {"spec": {"parallelism": 2}})["metadata"]["generation"] == 2

    def test_the_status_of_a_custom_object_leaves_its_labels(self) -> None:
        """Unlike that of a built-in one."""
        server = Embedded()
        server.create(DEFINITIONS, definition({}))
        server.create(THINGS, thing())
        patch = {"status": {"phase": "Ready"}, "metadata": {"labels": {"a": "b"}}}
        new = server.merge(f"{THINGS}/thing/status", patch)
        assert new["status"] == {"phase": "Ready"}
        assert "labels" not in new["metadata"]

    def test_without_a_status_endpoint_the_status_is_a_field(self) -> None:
        """Then writing it counts as a generation."""
        server = Embedded()
        server.create(DEFINITIONS, definition({}, status=False))
        server.create(THINGS, thing())
        new = server.merge(f"{THINGS}/thing", {"status": {"phase": "Ready"}})
        assert (new["status"], new["metadata"]["generation"]) == ({"phase": "Ready"}, 2)
        assert server.merge(f"{THINGS}/thing/status", {})["code"] == 404
