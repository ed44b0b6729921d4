"""A Kubernetes cluster in one process; it gets the JobFlow CRD as any cluster does. Imports only `runtime`."""
