"""The four kinds of patch, as functions from values to values. None of them knows a store."""
