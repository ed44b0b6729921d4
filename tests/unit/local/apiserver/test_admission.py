"""Where a program that embeds the server may change and refuse writes."""

from typing import Any

import pytest

from tests.support.embedded import CONFIG_MAPS, Embedded, config_map
from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse, Operation, Phase
from zenflow.runtime.errors import Cause
from zenflow.runtime.transport import Request


def _mutating(change: dict[str, Any]) -> Admission:
    def admit(request: AdmissionRequest) -> AdmissionResponse:
        if request.object is None or request.resource.kind != "ConfigMap" or request.phase is not Phase.MUTATING:
            return AdmissionResponse()
        return AdmissionResponse(object={**request.object, **change})

    return admit


def _refusing(phase: Phase) -> Admission:
    def admit(request: AdmissionRequest) -> AdmissionResponse:
        if request.resource.kind != "ConfigMap" or request.phase is not phase:
            return AdmissionResponse()
        return AdmissionResponse(False, code=422, reason="Invalid", message="no", causes=(Cause("R", "m", "spec"),))

    return admit


def test_a_plug_in_changes_what_is_stored() -> None:
    """Before validation: what it makes is validated as if the user had sent it."""
    server = Embedded(admission=[_mutating({"data": {"by": "admission"}})])
    server.create(CONFIG_MAPS, config_map())
    assert server.get(f"{CONFIG_MAPS}/settings")["data"] == {"by": "admission"}
    broken = Embedded(admission=[_mutating({"data": {"not a key": "x"}})])
    assert broken.ask("POST", CONFIG_MAPS, config_map())["code"] == 422


def test_metadata_is_validated_after_mutation() -> None:
    """So a plug-in may rewrite a key that would be refused."""

    def rewrite(request: AdmissionRequest) -> AdmissionResponse:
        if request.object is None or request.resource.kind != "ConfigMap":
            return AdmissionResponse()
        metadata = {**request.object["metadata"], "annotations": {"good/key": "1"}}
        return AdmissionResponse(object={**request.object, "metadata": metadata})

    server = Embedded(admission=[rewrite])
    created = server.create(CONFIG_MAPS, config_map(annotations={"bad/key/here": "1"}))
    assert created["metadata"]["annotations"] == {"good/key": "1"}


@pytest.mark.parametrize("phase", list(Phase))
def test_a_refusal_is_sent_word_for_word(phase: Phase) -> None:
    """Code, reason, message and causes."""
    server = Embedded(admission=[_refusing(phase)])
    refused = server.ask("POST", CONFIG_MAPS, config_map())
    assert (refused["code"], refused["reason"], refused["message"]) == (422, "Invalid", "no")
    assert refused["details"]["causes"] == [{"reason": "R", "message": "m", "field": "spec"}]
    assert server.names(CONFIG_MAPS) == []


def test_the_validating_phase_sees_only_valid_objects() -> None:
    """The schema's sentence comes first."""
    server = Embedded(admission=[_refusing(Phase.VALIDATING)])
    assert "metadata.name" in server.ask("POST", CONFIG_MAPS, config_map("A_"))["message"]


def test_plug_ins_are_told_who_does_what() -> None:
    """Operation, names, user, and the objects before and after; deletes too."""
    seen: list[tuple[Any, ...]] = []

    def note(request: AdmissionRequest) -> AdmissionResponse:
        if request.resource.kind == "ConfigMap" and request.phase is Phase.VALIDATING:
            present = (request.object is not None, request.old_object is not None)
            seen.append((request.operation, request.name, request.user, request.subresource, *present))
        return AdmissionResponse()

    server = Embedded(admission=[note])
    server.create(CONFIG_MAPS, config_map())
    server.merge(f"{CONFIG_MAPS}/settings", {"data": {"x": "y"}})
    server.api.as_user("alice").send(Request("DELETE", f"{CONFIG_MAPS}/settings"))
    assert seen == [
        (Operation.CREATE, "settings", "admin", "", True, False),
        (Operation.UPDATE, "settings", "admin", "", True, True),
        (Operation.DELETE, "settings", "alice", "", False, True),
    ]


def test_a_refused_delete_deletes_nothing() -> None:
    """Nor does one that deletes a collection."""

    def keep(request: AdmissionRequest) -> AdmissionResponse:
        return AdmissionResponse(allowed=request.operation is not Operation.DELETE, message="kept")

    server = Embedded(admission=[keep])
    server.create(CONFIG_MAPS, config_map())
    assert server.delete(f"{CONFIG_MAPS}/settings")["code"] == 403
    assert server.delete(CONFIG_MAPS)["code"] == 403
    assert server.names(CONFIG_MAPS) == ["settings"]


def test_warnings_reach_the_client() -> None:
    """As a Warning header."""
    server = Embedded(admission=[lambda _request: AdmissionResponse(warnings=("mind the gap",))])
    assert '299 - "mind the gap"' in server.send("POST", CONFIG_MAPS, config_map()).headers["warning"]
