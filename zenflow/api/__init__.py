"""What a JobFlow is and what may be stored. Values only: no clock, no network, no threads."""
