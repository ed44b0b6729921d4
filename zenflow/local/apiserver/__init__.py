"""What may be stored, and who hears of it: the semantics of kube-apiserver.

`server` answers requests with `verbs`, which use `state`, `requests`, `storage`, `kinds`, `patches`, `schemas`,
`errors`, `admission` and `registry`, in this order: each imports only what stands after it.
"""
