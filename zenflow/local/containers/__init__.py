"""The Executors, container runtimes of a kind: processes of this machine, podman or docker, or a script."""
