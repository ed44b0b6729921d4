"""docs/user-guide.md shows nothing that is not in an example, and so nothing that is not run."""

import re

import pytest

from tests.support.program import ROOT

GUIDE = (ROOT / "docs" / "user-guide.md").read_text()
SNIPPETS = re.findall(r"\[([\w-]+\.yaml)\]\(\.\./examples/[\w.-]+\)\n\n```yaml\n(.*?)```", GUIDE, re.DOTALL)


def test_every_snippet_names_its_example() -> None:
    assert len(SNIPPETS) == GUIDE.count("```yaml") > 0


@pytest.mark.parametrize(("file", "snippet"), SNIPPETS, ids=[f"{file}-{n}" for n, (file, _) in enumerate(SNIPPETS)])
def test_a_snippet_stands_in_its_example_line_for_line(file: str, snippet: str) -> None:
    assert snippet in (ROOT / "examples" / file).read_text()
