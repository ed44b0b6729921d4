"""A package, so that its cluster ends with its last test (pytest's scope "package") and not with the test run."""
