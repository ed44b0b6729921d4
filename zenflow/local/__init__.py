"""A Kubernetes cluster in one process. It gets the JobFlow CRD as any cluster does, and imports only `zenflow.runtime`."""
