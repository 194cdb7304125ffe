"""The page with one button for each example."""
