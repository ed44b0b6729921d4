"""A controller runtime in the style of controller-runtime that has never heard of JobFlow."""
