"""A cluster in one process. Imports `runtime` alone, never `api` or `dag`: a JobFlow gets here as any CRD does.

`cluster` puts the parts together and drives them. Below it: `http` (what kubectl talks to), `containers` (what runs the
commands), `apiserver`, `controllers`, `node` (the kubelet), and what these are made of: `loop`, `streams`.
Controllers and kubelet reach the API server through a Transport only.
"""
