"""The types of fields: those of built-in kinds, those of CustomResourceDefinitions, and what is checked by them."""
