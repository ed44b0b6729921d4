"""The Kubernetes whose behaviour is imitated: what `kubectl version` shows, what the conformance tests compare with.

The tests build this very version (tests/cluster/go.mod); a test compares the two.
"""

MAJOR, MINOR, PATCH = 1, 37, 2
KUBERNETES = f"v{MAJOR}.{MINOR}.{PATCH}"
