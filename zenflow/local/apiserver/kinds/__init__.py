"""What each kind of object means to the API server: defaults, what a writer may set, what is wrong with it."""
