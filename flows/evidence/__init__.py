"""Evidence packages: what goes into one, and who makes each of them once."""
