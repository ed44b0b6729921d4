"""A Kubernetes cluster in one process. It gets the JobFlow CRD as any cluster does; it imports only `zenflow.runtime`."""
