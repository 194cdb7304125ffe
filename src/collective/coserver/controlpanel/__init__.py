"""What people see of the queue."""
