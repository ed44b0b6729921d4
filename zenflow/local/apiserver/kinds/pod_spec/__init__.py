"""The spec of a Pod, also inside a Job's template: its defaults, and what is wrong with it, part by part.

`problems` is the entry; each other module is about one part. All are pure and see a defaulted spec.
"""
