"""What a job is and what may become of it: values and pure decisions."""
