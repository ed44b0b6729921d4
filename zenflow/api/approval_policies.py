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
}
# A stored key, and what belongs to it: the guide's key, the stamp.
_ANSWER_OF_GUIDE, _STAMP_OF_GUIDE = swapped("k", _GUIDE, _STORED), swapped("k", _GUIDE, _STAMP)
_GUIDE_OF_ANSWER, _STAMP_OF_ANSWER = swapped("k", _STORED, _GUIDE), swapped("k", _STORED, _STAMP)
_GUIDE_OF_STAMP, _ANSWER_OF_STAMP = swapped("k", _STAMP, _GUIDE), swapped("k", _STAMP, _STORED)


def mark() -> Document:
    """The spec of the mutating policy. Mutation runs before metadata validation, so two slashes are still there."""
    touched = " || ".join(f"k.startsWith('{prefix}')" for prefix in (_GUIDE, _STORED, _STAMP))
    present = "has(object.metadata.annotations)"
    variables = {
        "guideKeys": f"variables.new.map(k, k).filter(k, k.startsWith('{_GUIDE}'))",
        # Answers that this write gives: changed ones, and unstamped ones that are said anew.
        "guided": (
            f"variables.guideKeys.filter(k, !(({_ANSWER_OF_GUIDE}) in variables.old)"
            f" || variables.old[{_ANSWER_OF_GUIDE}] != variables.new[k] || !(({_STAMP_OF_GUIDE}) in variables.old))"
        ),
        "given": (
            f"variables.keys.filter(k, !(({_GUIDE_OF_ANSWER}) in variables.new)"
            " && (!(k in variables.old) || variables.old[k] != variables.new[k]"
            f" || (!(({_STAMP_OF_ANSWER}) in variables.old) && ({_STAMP_OF_ANSWER}) in variables.new"
            f" && variables.new[{_STAMP_OF_ANSWER}] == request.userInfo.username)))"
        ),
        # A stamp stays as long as its answer does.
        "kept": (
            f"variables.old.map(k, k).filter(k, k.startsWith('{_STAMP}')"
            f" && (({_ANSWER_OF_STAMP}) in variables.new || ({_GUIDE_OF_STAMP}) in variables.new))"
        ),
    }
    # In this order: a later patch of the same key wins.
    patches = (
        f"variables.guideKeys.map(k, {patch('remove', 'k')})",
        f"variables.stamps.map(k, {patch('remove', 'k')})",
        f"variables.kept.map(k, {patch('add', 'k', 'variables.old[k]')})",
        f"variables.guideKeys.map(k, {patch('add', _ANSWER_OF_GUIDE, 'variables.new[k]')})",
        f"variables.guided.map(k, {patch('add', _STAMP_OF_GUIDE, 'request.userInfo.username')})",
        f"variables.given.map(k, {patch('add', _STAMP_OF_ANSWER, 'request.userInfo.username')})",
    )
    return {
        "reinvocationPolicy": "Never",
        "matchConditions": named({"touches": f"{present} && object.metadata.annotations.exists(k, {touched})"}),
        "variables": named(_ANNOTATIONS | variables),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "\n+ ".join(patches)}}],
    }


def guard() -> Document:
    """The spec of the validating policy: the right to approve, approvals that say something, no forged stamps."""
    stamped, was_stamped = f"({_STAMP_OF_ANSWER}) in variables.new", f"({_STAMP_OF_ANSWER}) in variables.old"
    stamp, old_stamp = f"variables.new[{_STAMP_OF_ANSWER}]", f"variables.old[{_STAMP_OF_ANSWER}]"
    variables = _ANNOTATIONS | {
        "given": (
            "variables.keys.filter(k, !(k in variables.old) || variables.old[k] != variables.new[k]"
            f" || ({stamped} && !({was_stamped})))"
        ),
        "withdrawn": f"variables.old.map(k, k).filter(k, k.startsWith('{_STORED}') && !(k in variables.new))",
        "manual": "object.spec.steps.filter(s, has(s.type) && s.type == 'Manual').map(s, s.name)",
        "aimless": f"variables.given.filter(k, !({without('k', _STORED)} in variables.manual))",
        "unclear": "variables.given.filter(k, !(variables.new[k] in ['false', 'true']))",
        "forged": (
            f"variables.stamps.filter(k, !(({_ANSWER_OF_STAMP}) in variables.new))"
            f" + variables.given.filter(k, !({stamped}) || {stamp} != request.userInfo.username)"
            f".map(k, {_STAMP_OF_ANSWER})"
            f" + variables.keys.filter(k, !(k in variables.given) && {was_stamped}"
            f" && (!({stamped}) || {stamp} != {old_stamp})).map(k, {_STAMP_OF_ANSWER})"
        ),
        # A flow that is being created by generateName has no name yet.
        "flow": "has(object.metadata.name) ? object.metadata.name : ''",
    }
    right = (
        f"authorizer.group('{names.GROUP}').resource('{names.PLURAL}').subresource('approval')"
        ".namespace(object.metadata.namespace).name(variables.flow).check('update').allowed()"
    )
    return {
        "variables": named(variables),
        "validations": [
            rule(
                f"variables.given.size() + variables.withdrawn.size() == 0 || {right}",
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
