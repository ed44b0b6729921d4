"""The JobFlow meets the world: observe, decide, apply, publish."""
