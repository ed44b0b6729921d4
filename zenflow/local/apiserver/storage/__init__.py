"""The objects, their history, and what is read from both: selections, watches, bodies of responses."""
