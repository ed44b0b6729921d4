"""Why a text is not JSON, in the words of Go's decoder, which are the words users of kubectl know."""

import json

_WHERE = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Expecting ','", "after object key:value pair or array element"),
    ("Extra data", "after top-level value"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\escape", "in string escape code"),
)


def explain(body: bytes) -> str:
    """What is wrong with it; for texts that a JSON decoder has refused."""
    try:
        text = body.decode()
        json.loads(text)
    except UnicodeDecodeError:
        return "invalid UTF-8"
    except json.JSONDecodeError as wrong:
        if wrong.pos >= len(text.rstrip()) or wrong.msg.startswith("Unterminated string"):
            return "unexpected end of JSON input"
        where = next((told for said, told in _WHERE if wrong.msg.startswith(said)), "looking for beginning of value")
        return f"invalid character {_quoted(text[wrong.pos])} {where}"
    except RecursionError:
        return "exceeded max depth"
    return "not accepted"


def _quoted(character: str) -> str:
    shown = repr(character)
    return f"'\\u{ord(character):04x}'" if shown.startswith("'\\x") else shown
