"""How it runs: the command line, jobs and cluster settings."""
