"""Runs a job on many workers, in local processes or on a Ray cluster, with local or remote files."""
