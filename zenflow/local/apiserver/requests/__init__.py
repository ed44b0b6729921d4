"""From paths, queries and bodies to values."""
