"""What every loop of a consumer stands on."""
