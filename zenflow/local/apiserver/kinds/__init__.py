"""One module for each kind, or group of small ones: its defaults, what a write may change, what is wrong with it."""
