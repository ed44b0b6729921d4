"""The kubelet: which container of which Pod runs next. What runs it is an Executor."""
