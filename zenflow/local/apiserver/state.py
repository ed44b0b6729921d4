"""What all verbs of the embedded API server share: the store, the registry, admission, and the request at hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse, Operation, Phase
from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.kinds.catalog import STRATEGIES
from zenflow.local.apiserver.kinds.custom import Custom
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy
from zenflow.local.apiserver.registry import Registry, ResourceType
from zenflow.local.apiserver.requests.routes import Target
from zenflow.local.apiserver.storage.selectors import FieldRequirement, Requirement, Selector
from zenflow.local.apiserver.storage.store import Entry, Store
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError, from_status
from zenflow.runtime.transport import Request

_COMMON_FIELDS = ("metadata.name", "metadata.namespace")


@dataclass(slots=True)
class Call:
    """One request on its way through the server."""

    request: Request
    target: Target
    user: str
    warnings: list[str] = field(default_factory=list)

    @property
    def type(self) -> ResourceType:
        return self.target.type


class State:
    """The server's state. All methods are called under `store.lock`."""

    def __init__(self, store: Store, clock: Clock, uid: Callable[[], str], admission: Sequence[Admission]) -> None:
        self.store = store
        self.clock = clock
        self.uid = uid
        self.registry = Registry()
        self.registry.add(STRATEGIES)
        self.applied: dict[tuple[str, str], Mapping[str, Any]] = {}
        """What each field manager last applied, by uid and manager: how an apply knows what to take away."""
        self._admission = tuple(admission)
        self._custom: dict[tuple[str, str, str], Custom] = {}

    def strategy(self, type_: ResourceType) -> Strategy:
        """The rules of a resource."""
        return STRATEGIES[type_] if not type_.custom else self.custom(type_)

    def custom(self, type_: ResourceType) -> Custom:
        """The rules of a custom resource."""
        return self._custom[type_.group, type_.version, type_.plural]

    def serve(self, types: Sequence[ResourceType]) -> None:
        """Serve these versions of one custom resource, and no others of it."""
        names = {(type_.group, type_.plural) for type_ in STRATEGIES}
        types = [type_ for type_ in types if (type_.group, type_.plural) not in names]
        if not types:
            # Nobody takes a built-in resource's place.
            return
        self.registry.remove(types[0].group, types[0].plural)
        self.registry.add(types)
        for type_ in types:
            self._custom[type_.group, type_.version, type_.plural] = Custom(type_)

    def now(self) -> str:
        """The time as metadata has it."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def entry(self, target: Target) -> Entry:
        """The object a request names. Raises 404."""
        found = self.store.storage(target.type.storage_name).entries.get(target.key)
        if found is None:
            raise refusals.not_found(target.type, target.name)
        return found

    def selector(
        self, type_: ResourceType, labels: Sequence[Requirement], fields: Sequence[FieldRequirement]
    ) -> Selector:
        """Both selectors of a request for this resource. Raises 400 for a field that can't be selected by."""
        strategy = self.strategy(type_)
        known = _COMMON_FIELDS if type_.namespaced else _COMMON_FIELDS[:1]
        for requirement in fields:
            if requirement.path not in (*known, *strategy.selectable):
                raise refusals.bad_request(_unselectable(type_, strategy, requirement.path, known))
        return Selector(tuple(labels), tuple(fields), strategy.field_value)

    def admit(
        self, call: Call, phase: Phase, operation: Operation, new: Object | None, old: Frozen | None, *, dry_run: bool
    ) -> Object | None:
        """Ask all plug-ins, each seeing what the one before made of the object. Raises what they refuse with."""
        target = call.target
        for plug_in in self._admission:
            name = target.name or (new or {}).get("metadata", {}).get("name", "")
            asked = AdmissionRequest(
                phase, operation, target.type, target.namespace, name, target.subresource, new, old, call.user, dry_run
            )
            response = plug_in(asked)
            call.warnings += response.warnings
            if not response.allowed:
                raise _refusal(target.type, name, response)
            if phase is Phase.MUTATING and response.object is not None:
                new = dict(response.object)
        return new

    def entries_in(self, namespace: str) -> Iterator[tuple[ResourceType, Entry]]:
        """Every object of a namespace, each once however many versions of its resource are served."""
        seen: set[str] = set()
        for type_ in self.registry.types():
            if type_.namespaced and type_.storage_name not in seen:
                seen.add(type_.storage_name)
                for entry in list(self.store.storage(type_.storage_name).prefixed(f"{namespace}/")):
                    yield type_, entry


def _unselectable(type_: ResourceType, strategy: Strategy, path: str, known: Sequence[str]) -> str:
    if type_.custom or strategy.selectable:
        return strategy.unselectable.format(path)
    listed = ", ".join(f'"{name}"' for name in known)
    return f'"{path}" is not a known field selector: only {listed}'


def _refusal(type_: ResourceType, name: str, response: AdmissionResponse) -> ApiError:
    body = {
        "code": response.code,
        "reason": response.reason,
        "message": response.message,
        "details": {
            **refusals.about(type_, name),
            "causes": [
                {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in response.causes
            ],
        },
    }
    return from_status(body)
