"""What is wrong with a Job's podFailurePolicy and successPolicy, and with lists of indexes."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import label_key
from zenflow.local.apiserver.kinds.checks import Fields, named, non_negative
from zenflow.runtime.errors import Cause

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES = ("False", "True", "Unknown")
_OPERATORS = ("In", "NotIn")
_MAX_RULES = 20
_MAX_PATTERNS = 20
_MAX_VALUES = 255
_MAX_INDEXES = 64 * 1024


def failure_problems(spec: Fields, at: str) -> list[Cause]:
    """`podFailurePolicy` of a Job."""
    rules = spec["podFailurePolicy"].get("rules") or ()
    template = spec["template"].get("spec") or {}
    names = [c.get("name", "") for kind in ("containers", "initContainers") for c in template.get(kind) or ()]
    found = [field_errors.too_many(f"{at}.rules", len(rules), _MAX_RULES)] if len(rules) > _MAX_RULES else []
    for index, rule in enumerate(rules):
        place = f"{at}.rules[{index}]"
        found += _action(rule, spec, f"{place}.action") + _rule(rule, names, place)
    return found


def _action(rule: Fields, spec: Fields, at: str) -> list[Cause]:
    action = rule.get("action", "")
    if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        return [field_errors.invalid(at, action, "requires the backoffLimitPerIndex to be set")]
    return _choice(action, _ACTIONS, at)


def _choice(value: str, choices: Sequence[str], at: str) -> list[Cause]:
    if value in choices:
        return []
    if value:
        return [field_errors.unsupported(at, value, choices)]
    listed = " ".join(f'"{choice}"' for choice in choices)
    return [field_errors.required(at, f"valid values: [{listed}]")]


def _rule(rule: Fields, names: Sequence[str], at: str) -> list[Cause]:
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or ()
    found = _exit_codes(codes, names, f"{at}.onExitCodes") if codes is not None else []
    if len(conditions) > _MAX_PATTERNS:
        found.append(field_errors.too_many(f"{at}.onPodConditions", len(conditions), _MAX_PATTERNS))
    for index, pattern in enumerate(conditions):
        place = f"{at}.onPodConditions[{index}]"
        found += named(pattern.get("type", ""), label_key, f"{place}.type")
        found += _choice(pattern.get("status", ""), _STATUSES, f"{place}.status")
    if codes is not None and conditions:
        found.append(_whole(at, "specifying both OnExitCodes and OnPodConditions is not supported"))
    if codes is None and not conditions:
        found.append(_whole(at, "specifying one of OnExitCodes and OnPodConditions is required"))
    return found


def _whole(at: str, why: str) -> Cause:
    """A complaint about an object whose value is not shown."""
    return Cause("FieldValueInvalid", f"Invalid value: {why}", at)


def _exit_codes(codes: Fields, names: Sequence[str], at: str) -> list[Cause]:
    found = _choice(codes.get("operator", ""), _OPERATORS, f"{at}.operator")
    name, values = codes.get("containerName"), codes.get("values") or []
    if name is not None and name not in names:
        why = "must be one of the container or initContainer names in the pod template"
        found.append(field_errors.invalid(f"{at}.containerName", name, why))
    if not values:
        found.append(field_errors.invalid(f"{at}.values", None, "at least one value is required"))
    elif len(values) > _MAX_VALUES:
        found.append(field_errors.too_many(f"{at}.values", len(values), _MAX_VALUES))
    for index, value in enumerate(values):
        if codes.get("operator") == "In" and value == 0:
            found.append(field_errors.invalid(f"{at}.values[{index}]", value, "must not be 0 for the In operator"))
        if value in values[:index]:
            found.append(field_errors.duplicate(f"{at}.values[{index}]", value))
    if any(one > other for one, other in pairwise(values)):
        found.append(field_errors.invalid(f"{at}.values", values, "must be ordered"))
    return found


def success_problems(spec: Fields, at: str) -> list[Cause]:
    """`successPolicy` of a Job."""
    policy = spec["successPolicy"]
    if spec.get("completionMode") != "Indexed":
        return [field_errors.invalid(at, policy, "requires indexed completion mode")]
    rules, place = policy.get("rules") or (), f"{at}.rules"
    if not rules:
        why = "at least one rules must be specified when the successPolicy is specified"
        return [field_errors.required(place, why)]
    found = [field_errors.too_many(place, len(rules), _MAX_RULES)] if len(rules) > _MAX_RULES else []
    completions = spec.get("completions") or 0
    return found + [c for i, rule in enumerate(rules) for c in _success_rule(rule, completions, f"{place}[{i}]")]


def _success_rule(rule: Fields, completions: int, at: str) -> list[Cause]:
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and indexes is None:
        return [field_errors.required(at, "at least one of succeededCount or succeededIndexes must be specified")]
    found, total = _succeeded_indexes(indexes, completions, f"{at}.succeededIndexes")
    if count is None:
        return found
    found += non_negative(rule, ("succeededCount",), at)
    limits: Mapping[int, str] = {completions: "the number of specified completions"}
    if indexes is not None:
        limits = {**limits, total: "the number of indexes in the specified succeededIndexes field"}
    for limit, told in limits.items():
        if count > limit:
            why = f"must be less than or equal to {limit} ({told})"
            found.append(field_errors.invalid(f"{at}.succeededCount", count, why))
    return found


def _succeeded_indexes(indexes: str | None, completions: int, at: str) -> tuple[list[Cause], int]:
    if indexes is None:
        return [], 0
    found = [field_errors.too_long(at, _MAX_INDEXES)] if len(indexes) > _MAX_INDEXES else []
    try:
        return found, sum(last - first + 1 for first, last in parse_indexes(indexes, completions))
    except ValueError as wrong:
        return [*found, field_errors.invalid(at, indexes, f"error parsing succeededIndexes: {wrong}")], 0


def parse_indexes(text: str, completions: int) -> list[tuple[int, int]]:
    """`1,3-5` as intervals, both ends included. Raises ValueError with the real server's sentence."""
    intervals: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        first, last = _interval(part, completions)
        if intervals and intervals[-1][1] >= first:
            raise ValueError(f"non-increasing order, previous: {intervals[-1][1]}, current: {first}")
        intervals.append((first, last))
    return intervals


def _interval(part: str, completions: int) -> tuple[int, int]:
    ends = part.split("-")
    if len(ends) > 2:
        raise ValueError(
            f'the fragment "{part}" violates the requirement that an index interval can have at most two parts '
            "separated by '-'"
        )
    numbers = [_index(end, completions) for end in ends]
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        raise ValueError(f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}")
    return numbers[0], numbers[-1]


def _index(text: str, completions: int) -> int:
    if not text.removeprefix("+").isascii() or not text.removeprefix("+").isdigit():
        raise ValueError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= completions:
        raise ValueError(f'too large index: "{text}"')
    return int(text)
