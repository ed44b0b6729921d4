"""The sentences of refusals: of whole requests, of fields, of names."""
