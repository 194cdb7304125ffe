"""What people ask of jobs and queues, and change about them."""
