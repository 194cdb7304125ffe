"""What became of transactions whose process died."""
