"""What a consumer does for all jobs and consumers: one loop, one file."""
