"""What is wrong with where a Pod may run: affinity, spreading, tolerations, gates."""

from collections.abc import Callable, Sequence

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_subdomain, label_key, label_value, namespace_name
from zenflow.local.apiserver.kinds.checks import Fields, given_one_of, label_selector, named, operator_values
from zenflow.runtime.errors import Cause

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")


def affinity(given: Fields | None, at: str) -> list[Cause]:
    """`affinity` of a Pod."""
    found: list[Cause] = []
    nodes = (given or {}).get("nodeAffinity")
    if nodes is not None:
        found += _node_affinity(nodes, f"{at}.nodeAffinity")
    for name in ("podAffinity", "podAntiAffinity"):
        pods = (given or {}).get(name)
        if pods is not None:
            found += _pod_affinity(pods, f"{at}.{name}")
    return found


def _node_affinity(nodes: Fields, at: str) -> list[Cause]:
    found: list[Cause] = []
    if nodes.get(_REQUIRED) is not None:
        terms, place = nodes[_REQUIRED].get("nodeSelectorTerms") or (), f"{at}.{_REQUIRED}.nodeSelectorTerms"
        if not terms:
            found.append(field_errors.required(place, "must have at least one node selector term"))
        for index, term in enumerate(terms):
            found += _node_term(term, f"{place}[{index}]", strict=True)
    for index, weighted in enumerate(nodes.get(_PREFERRED) or ()):
        place = f"{at}.{_PREFERRED}[{index}]"
        found += _weight(weighted, place)
        found += _node_term(weighted.get("preference") or {}, f"{place}.preference", strict=False)
    return found


def _weight(weighted: Fields, at: str) -> list[Cause]:
    weight = weighted.get("weight", 0)
    return [] if 1 <= weight <= 100 else [field_errors.invalid(f"{at}.weight", weight, "must be in the range 1-100")]


def _node_term(term: Fields, at: str, *, strict: bool) -> list[Cause]:
    found: list[Cause] = []
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        found += _node_requirement(requirement, f"{at}.matchExpressions[{index}]", strict=strict)
    for index, requirement in enumerate(term.get("matchFields") or ()):
        found += _node_field(requirement, f"{at}.matchFields[{index}]")
    return found


def _node_requirement(requirement: Fields, at: str, *, strict: bool) -> list[Cause]:
    values = requirement.get("values") or ()
    if requirement.get("operator") in ("Gt", "Lt"):
        why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        found = [] if len(values) == 1 else [field_errors.required(f"{at}.values", why)]
    else:
        found = operator_values(requirement, ("In", "NotIn"), ("Exists", "DoesNotExist"), at)
    found += named(requirement.get("key", ""), label_key, f"{at}.key")
    if strict:
        for index, value in enumerate(values):
            found += named(value, label_value, f"{at}.values[{index}]")
    return found


def _node_field(requirement: Fields, at: str) -> list[Cause]:
    values, key, operator = requirement.get("values") or (), requirement.get("key", ""), requirement.get("operator", "")
    found: list[Cause] = []
    if operator not in ("In", "NotIn"):
        found.append(field_errors.invalid(f"{at}.operator", operator, "not a valid selector operator"))
    elif len(values) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        found.append(field_errors.required(f"{at}.values", why))
    if key != "metadata.name":
        return [*found, field_errors.invalid(f"{at}.key", key, "not a valid field selector key")]
    return found + [c for i, value in enumerate(values) for c in named(value, dns_subdomain, f"{at}.values[{i}]")]


def _pod_affinity(pods: Fields, at: str) -> list[Cause]:
    found: list[Cause] = []
    for index, term in enumerate(pods.get(_REQUIRED) or ()):
        found += _pod_term(term, f"{at}.{_REQUIRED}[{index}]")
    for index, weighted in enumerate(pods.get(_PREFERRED) or ()):
        place = f"{at}.{_PREFERRED}[{index}]"
        found += _weight(weighted, place) + _pod_term(weighted.get("podAffinityTerm") or {}, f"{place}.podAffinityTerm")
    return found


def _pod_term(term: Fields, at: str) -> list[Cause]:
    found = label_selector(term.get("labelSelector"), f"{at}.labelSelector")
    found += label_selector(term.get("namespaceSelector"), f"{at}.namespaceSelector")
    for name in term.get("namespaces") or ():
        found += named(name, namespace_name, f"{at}.namespace")
    found += _label_keys(term, at)
    key = term.get("topologyKey", "")
    found += [] if key else [field_errors.required(f"{at}.topologyKey", "can not be empty")]
    return found + named(key, label_key, f"{at}.topologyKey")


def _label_keys(term: Fields, at: str) -> list[Cause]:
    """`matchLabelKeys` and `mismatchLabelKeys` refine a selector that must be there."""
    match, mismatch = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    selector = term.get("labelSelector")
    found: list[Cause] = []
    for name, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and selector is None:
            why = "must not be specified when labelSelector is not set"
            found.append(field_errors.forbidden(f"{at}.{name}", why))
        elif keys:
            for index, key in enumerate(keys):
                found += named(key, label_key, f"{at}.{name}[{index}]")
    found += _selected_twice(match, selector or {}, at)
    why = "exists in both matchLabelKeys and mismatchLabelKeys"
    both = [(index, key) for index, key in enumerate(match) if key in mismatch]
    return found + [field_errors.invalid(f"{at}.matchLabelKeys[{index}]", key, why) for index, key in both]


def _selected_twice(keys: Sequence[str], selector: Fields, at: str) -> list[Cause]:
    known = set(selector.get("matchLabels") or {})
    found = []
    for expression in selector.get("matchExpressions") or ():
        key = expression.get("key", "")
        if key in keys and key in known:
            why = "exists in both matchLabelKeys and labelSelector"
            found.append(field_errors.invalid(f"{at}[{keys.index(key)}]", key, why))
        known.add(key)
    return found


def spread(constraints: Sequence[Fields], at: str) -> list[Cause]:
    """`topologySpreadConstraints` of a Pod."""
    found: list[Cause] = []
    for index, constraint in enumerate(constraints):
        place = f"{at}[{index}]"
        found += _positive(constraint.get("maxSkew", 0), f"{place}.maxSkew")
        if not constraint.get("topologyKey"):
            found.append(field_errors.required(f"{place}.topologyKey", "can not be empty"))
        action = {"whenUnsatisfiable": constraint.get("whenUnsatisfiable", "")}
        found += given_one_of(action, "whenUnsatisfiable", _UNSATISFIABLE, place)
        found += _repeated(constraint, constraints[index + 1 :], place) + _min_domains(constraint, place)
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            found += given_one_of(constraint, name, ("Honor", "Ignore"), place)
        found += _label_keys(constraint, place)
        found += label_selector(constraint.get("labelSelector"), f"{place}.labelSelector")
    return found


def _positive(value: int, at: str) -> list[Cause]:
    return [] if value > 0 else [field_errors.invalid(at, value, "must be greater than zero")]


def _repeated(constraint: Fields, others: Sequence[Fields], at: str) -> list[Cause]:
    kind = (constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", ""))
    if all((other.get("topologyKey", ""), other.get("whenUnsatisfiable", "")) != kind for other in others):
        return []
    return [field_errors.duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{kind[0]}, {kind[1]}}}")]


def _min_domains(constraint: Fields, at: str) -> list[Cause]:
    count, action = constraint.get("minDomains"), constraint.get("whenUnsatisfiable", "")
    if count is None:
        return []
    found = _positive(count, f"{at}.minDomains")
    if action != "DoNotSchedule":
        why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        found.append(field_errors.invalid(f"{at}.minDomains", count, why))
    return found


def tolerations(given: Sequence[Fields], at: str) -> list[Cause]:
    """`tolerations` of a Pod."""
    return [cause for index, one in enumerate(given) for cause in _toleration(one, f"{at}[{index}]")]


def _toleration(given: Fields, at: str) -> list[Cause]:
    key, operator, effect = given.get("key", ""), given.get("operator", ""), given.get("effect", "")
    found = named(key, label_key, f"{at}.key") if key else []
    if not key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        found.append(field_errors.invalid(f"{at}.operator", operator, why))
    if given.get("tolerationSeconds") is not None and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        found.append(field_errors.invalid(f"{at}.effect", effect, why))
    found += _toleration_value(operator, given.get("value", ""), f"{at}.operator")
    return found + (given_one_of(given, "effect", _EFFECTS, at) if effect else [])


def _toleration_value(operator: str, value: str, at: str) -> list[Cause]:
    if operator in ("", "Equal"):
        wrong = label_value(value)
        return [field_errors.invalid(at, value, ";".join(wrong))] if wrong else []
    if operator == "Exists":
        return [field_errors.invalid(at, value, "value must be empty when `operator` is 'Exists'")] if value else []
    # Comparisons are known, but behind a feature gate that is off.
    known = ("Equal", "Exists", "Lt", "Gt") if operator in ("Lt", "Gt") else ("Equal", "Exists")
    return [field_errors.unsupported(at, operator, known)]


def gates(given: Sequence[Fields], at: str) -> list[Cause]:
    """`schedulingGates` of a Pod, each once."""
    found: list[Cause] = []
    seen: set[str] = set()
    for index, gate in enumerate(given):
        name = gate.get("name", "")
        found += named(name, label_key, f"{at}[{index}]")
        if name in seen:
            found.append(field_errors.duplicate(f"{at}[{index}]", name))
        seen.add(name)
    return found


def names(spec: Fields, at: str, rules: Sequence[tuple[str, Callable[[str], list[str]]]]) -> list[Cause]:
    """Fields of the spec that name something else, where they are given."""
    return [cause for name, rule in rules if spec.get(name) for cause in named(spec[name], rule, f"{at}.{name}")]
