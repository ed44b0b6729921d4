"""What happens next. Same snapshot, same decision; imports nothing of ours but `zenflow.api`."""
