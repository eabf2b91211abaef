"""Many hands for one job: local processes or a Ray cluster, files anywhere, items that kill whoever touches them."""
