"""What became of runs; a consumer can have them stopped."""
