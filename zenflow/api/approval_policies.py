"""The policies of approvals: `mark` moves the guide's keys and stamps the approver, `guard` asks who may.

What `approvals` does in Python, in the API server's own CEL and in the same words.
"""

from zenflow.api import names
from zenflow.api.cel import Document, named, patch, rule, swapped, without

_GUIDE, _STORED, _STAMP = names.APPROVED_GUIDE_PREFIX, names.APPROVED_PREFIX, names.APPROVED_BY_PREFIX
_ANNOTATIONS = {
    "new": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
    "old": "oldObject != null && has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}",
    "keys": f"variables.new.map(k, k).filter(k, k.startsWith('{_STORED}'))",
    "stamps": f"variables.new.map(k, k).filter(k, k.startsWith('{_STAMP}'))",
    "changed": "variables.keys.filter(k, !(k in variables.old) || variables.old[k] != variables.new[k])",
}


def mark() -> Document:
    """The spec of the mutating policy. Mutation runs before metadata validation, so two slashes are still there."""
    touched = " || ".join(f"k.startsWith('{prefix}')" for prefix in (_GUIDE, _STORED, _STAMP))
    present = "has(object.metadata.annotations)"
    moves = (
        f"variables.guideKeys.map(k, {patch('remove', 'k')})",
        f"variables.stamps.map(k, {patch('remove', 'k')})",
        # A stamp stays as long as its approval does.
        f"variables.old.map(k, k).filter(k, k.startsWith('{_STAMP}')"
        f" && {swapped('k', _STAMP, _STORED)} in variables.new)"
        f".map(k, {patch('add', 'k', 'variables.old[k]')})",
        f"variables.guideKeys.map(k, {patch('add', swapped('k', _GUIDE, _STORED), 'variables.new[k]')})",
        f"variables.newlyGuided.map(k, {patch('add', swapped('k', _GUIDE, _STAMP), 'request.userInfo.username')})",
        f"variables.changed.map(k, {patch('add', swapped('k', _STORED, _STAMP), 'request.userInfo.username')})",
    )
    stored = swapped("k", _GUIDE, _STORED)
    guide_keys = {
        "guideKeys": f"variables.new.map(k, k).filter(k, k.startsWith('{_GUIDE}'))",
        "newlyGuided": (
            f"variables.guideKeys.filter(k, !({stored} in variables.old)"
            f" || variables.old[{stored}] != variables.new[k])"
        ),
    }
    return {
        "reinvocationPolicy": "Never",
        "matchConditions": named({"touches": f"{present} && object.metadata.annotations.exists(k, {touched})"}),
        "variables": named(_ANNOTATIONS | guide_keys),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "\n+ ".join(moves)}}],
    }


def guard() -> Document:
    """The spec of the validating policy: the right to approve, approvals that say something, no forged stamps."""
    variables = _ANNOTATIONS | {
        "manual": "object.spec.steps.filter(s, has(s.type) && s.type == 'Manual').map(s, s.name)",
        "aimless": f"variables.changed.filter(k, !({without('k', _STORED)} in variables.manual))",
        "unclear": "variables.changed.filter(k, !(variables.new[k] in ['false', 'true']))",
        "forged": (
            "variables.stamps.filter(k, !(k in variables.old && variables.old[k] == variables.new[k]"
            f" && {swapped('k', _STAMP, _STORED)} in variables.new)"
            " && !(variables.new[k] == request.userInfo.username"
            f" && {swapped('k', _STAMP, _STORED)} in variables.changed))"
            f" + variables.old.map(k, k).filter(k, k.startsWith('{_STAMP}') && !(k in variables.new)"
            f" && {swapped('k', _STAMP, _STORED)} in variables.new)"
        ),
    }
    right = (
        f"authorizer.group('{names.GROUP}').resource('{names.PLURAL}').subresource('approval')"
        ".namespace(object.metadata.namespace).name(variables.flow).check('update').allowed()"
    )
    # A flow that is being created by generateName has no name yet.
    variables["flow"] = "has(object.metadata.name) ? object.metadata.name : ''"
    return {
        "variables": named(variables),
        "validations": [
            rule(
                f"variables.changed.size() == 0 || {right}",
                "request.userInfo.username + ' may not approve steps of JobFlow ' + variables.flow"
                f" + '; it takes the right to update {names.PLURAL}/approval in {names.GROUP}'",
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
