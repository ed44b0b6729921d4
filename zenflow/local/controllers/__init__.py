"""The controllers of kube-controller-manager that flows need: of Jobs, and the garbage collector."""
