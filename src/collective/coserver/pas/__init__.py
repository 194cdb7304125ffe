"""How a job's request is logged in as the job's owner."""
