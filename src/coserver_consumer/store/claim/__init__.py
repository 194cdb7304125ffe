"""Which jobs a consumer gets, and under which limits."""
