"""The list of jobs, and what people do with them."""
