"""One job on many workers: local processes or a Ray cluster, files anywhere, items that crash their worker."""
