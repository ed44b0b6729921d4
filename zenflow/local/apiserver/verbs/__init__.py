"""What each verb does with a request: one module for each, and what they share."""
