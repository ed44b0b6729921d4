"""A Kubernetes cluster in one process, which gets the JobFlow CRD as any cluster does. Imports only `zenflow.runtime`."""
