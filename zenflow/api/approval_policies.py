"""The policies of approvals: `mark` moves the guide's keys and stamps the approver, `guard` asks who may.

What `approvals` does in Python, in the API server's own CEL and in the same words.

No loop of these goes over all annotations of a flow. A CEL loop of n rounds costs the API server n² (it counts costs on
a stack that grows with each round and is searched in each), and the budget of an expression charges n: 20,000
annotations were ten seconds. So the keys are searched for in the text of the whole map, which is linear, and the loops
go over what was found.
"""

from zenflow.api import names
from zenflow.api.approvals import FIELDS
from zenflow.api.cel import Document, named, patch, right, rule, same, swapped, without

_DOMAIN = names.GROUP.replace(".", "[.]")
_GUIDE, _STORED, _STAMP = names.APPROVED_GUIDE_PREFIX, names.APPROVED_PREFIX, names.APPROVED_BY_PREFIX
# Whole keys, as CEL writes a map: `{"key":"value", "key":"value"}`, with a backslash before each quote in a value.
# A key with other characters is refused by the API server itself.
_ENTRY = f'"(approved(-by)?[.]{_DOMAIN}/|{_DOMAIN}/approved/)[A-Za-z0-9._-]+":'


def _keys(annotations: str) -> str:
    """The keys that are ours, each once."""
    return f"'%s'.format([{annotations}]).findAll('{_ENTRY}').map(e, e.substring(1, e.size() - 2))"


_ANNOTATIONS = {
    "new": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
    "was": "oldObject != null && has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}",
    # Answers are to a flow as it was: a write that changes it takes them away.
    "edited": f"oldObject != null && !({' && '.join(same(f'spec.{field}') for field in FIELDS)})",
    "old": "variables.edited ? {} : variables.was",
    "ours": _keys("variables.new"),
    "oldOurs": _keys("variables.old"),
    "stamps": f"variables.ours.filter(k, k.startsWith('{_STAMP}'))",
}
_TOUCHES = f"has(object.metadata.annotations) && '%s'.format([object.metadata.annotations]).contains('{names.GROUP}/')"
# A stored key, and what belongs to it: the guide's key, the stamp.
_ANSWER_OF_GUIDE, _STAMP_OF_GUIDE = swapped("k", _GUIDE, _STORED), swapped("k", _GUIDE, _STAMP)
_GUIDE_OF_ANSWER, _STAMP_OF_ANSWER = swapped("k", _STORED, _GUIDE), swapped("k", _STORED, _STAMP)
_GUIDE_OF_STAMP, _ANSWER_OF_STAMP = swapped("k", _STAMP, _GUIDE), swapped("k", _STAMP, _STORED)


def mark() -> Document:
    """The spec of the mutating policy. Mutation runs before metadata validation, so two slashes are still there."""
    signed = f"({_STAMP_OF_ANSWER}) in variables.new && variables.new[{_STAMP_OF_ANSWER}] == request.userInfo.username"
    variables = {
        "guideKeys": f"variables.ours.filter(k, k.startsWith('{_GUIDE}'))",
        # Left over from before the edit, and not said anew by who edits.
        "stale": (
            f"variables.edited ? variables.ours.filter(k, k.startsWith('{_STORED}') && k in variables.was"
            f" && variables.was[k] == variables.new[k] && !({signed})) : []"
        ),
        # Answers that this write gives: changed ones, and unstamped ones that are said anew.
        "guided": (
            f"variables.guideKeys.filter(k, !(({_ANSWER_OF_GUIDE}) in variables.old)"
            f" || variables.old[{_ANSWER_OF_GUIDE}] != variables.new[k] || !(({_STAMP_OF_GUIDE}) in variables.old))"
        ),
        "given": (
            f"variables.ours.filter(k, k.startsWith('{_STORED}') && !(({_GUIDE_OF_ANSWER}) in variables.new)"
            " && (k in variables.was && variables.was[k] == variables.new[k]"
            f" ? (variables.edited || !(({_STAMP_OF_ANSWER}) in variables.was)) && {signed} : true))"
        ),
        # A stamp stays as long as its answer does.
        "kept": (
            f"variables.oldOurs.filter(k, k.startsWith('{_STAMP}')"
            f" && (({_ANSWER_OF_STAMP}) in variables.new || ({_GUIDE_OF_STAMP}) in variables.new))"
        ),
    }
    # In this order: a later patch of the same key wins.
    patches = (
        f"variables.guideKeys.map(k, {patch('remove', 'k')})",
        f"variables.stamps.map(k, {patch('remove', 'k')})",
        f"variables.stale.map(k, {patch('remove', 'k')})",
        f"variables.kept.map(k, {patch('add', 'k', 'variables.old[k]')})",
        f"variables.guideKeys.map(k, {patch('add', _ANSWER_OF_GUIDE, 'variables.new[k]')})",
        f"variables.guided.map(k, {patch('add', _STAMP_OF_GUIDE, 'request.userInfo.username')})",
        f"variables.given.map(k, {patch('add', _STAMP_OF_ANSWER, 'request.userInfo.username')})",
    )
    return {
        "reinvocationPolicy": "Never",
        "matchConditions": named({"touches": _TOUCHES}),
        "variables": named(_ANNOTATIONS | variables),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "\n+ ".join(patches)}}],
    }


def guard() -> Document:
    """The spec of the validating policy: the right to approve, approvals that say something, no forged stamps."""
    stamped, was_stamped = f"({_STAMP_OF_ANSWER}) in variables.new", f"({_STAMP_OF_ANSWER}) in variables.old"
    stamp, old_stamp = f"variables.new[{_STAMP_OF_ANSWER}]", f"variables.old[{_STAMP_OF_ANSWER}]"
    variables = _ANNOTATIONS | {
        "stored": f"variables.ours.filter(k, k.startsWith('{_STORED}'))",
        "given": (
            "variables.stored.filter(k, !(k in variables.old) || variables.old[k] != variables.new[k]"
            f" || ({stamped} && !({was_stamped})))"
        ),
        "withdrawn": f"variables.oldOurs.filter(k, k.startsWith('{_STORED}') && !(k in variables.new))",
        "answers": "variables.given.size() + variables.withdrawn.size() > 0",
        "gates": "object.spec.steps.filter(s, has(s.type) && s.type == 'Manual').map(s, s.name).sort()",
        # As a map: looking up 2,000 answers in a list of 2,000 names is beyond the budget of an expression.
        "manual": ("variables.gates.transformMapEntry(i, n, i == 0 || variables.gates[i - 1] != n, {n: true})"),
        "aimless": f"variables.given.filter(k, !({without('k', _STORED)} in variables.manual))",
        "unclear": "variables.given.filter(k, !(variables.new[k] in ['false', 'true']))",
        "forged": (
            f"variables.stamps.filter(k, !(({_ANSWER_OF_STAMP}) in variables.new))"
            f" + variables.given.filter(k, !({stamped}) || {stamp} != request.userInfo.username)"
            f".map(k, {_STAMP_OF_ANSWER})"
            f" + variables.stored.filter(k, k in variables.old && variables.old[k] == variables.new[k] && {was_stamped}"
            f" && (!({stamped}) || {stamp} != {old_stamp})).map(k, {_STAMP_OF_ANSWER})"
        ),
        # A flow that is being created by generateName has no name yet.
        "flow": "has(object.metadata.name) ? object.metadata.name : ''",
    }
    # RBAC knows no names at a create: a right for one flow is not for one that is made under its name.
    may = right("update", "approval", "oldObject == null ? '' : variables.flow")
    own = "request.userInfo.username.startsWith('system:serviceaccount:' + object.metadata.namespace + ':')"
    refused = "request.userInfo.username + ' may not approve steps of JobFlow ' + variables.flow"
    return {
        "variables": named(variables),
        "validations": [
            rule(
                f"!variables.answers || {may}",
                f"{refused} + '; it takes the right to update {names.PLURAL}/approval in {names.GROUP}'",
                reason="Forbidden",
            ),
            rule(
                f"!variables.answers || !{own}",
                f"{refused} + ': any Pod of the namespace can run as this ServiceAccount; "
                "approve as a person or from another namespace'",
                reason="Forbidden",
            ),
            rule(
                "variables.aimless.size() == 0",
                "'metadata.annotations[' + variables.aimless[0] + ']: Not found: \"' + "
                f"{without('variables.aimless[0]', _STORED)}"
                " + '\": the flow has no Manual step of this name; name one of its Manual steps'",
            ),
            rule(
                "variables.unclear.size() == 0",
                "'metadata.annotations[' + variables.unclear[0] + ']: Unsupported value: \"'"
                ' + variables.new[variables.unclear[0]] + \'": supported values: "false", "true"\'',
            ),
            rule(
                "variables.forged.size() == 0",
                "'metadata.annotations[' + variables.forged[0] + ']: Forbidden: "
                "only admission says who approved; leave this annotation alone'",
                reason="Forbidden",
            ),
        ],
    }
