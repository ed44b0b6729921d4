"""zenflow: DAG workflows for Kubernetes out of nothing but native batch/v1 Jobs."""
