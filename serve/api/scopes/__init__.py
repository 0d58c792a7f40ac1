"""What routes may reach, a noun a file, each bound to the caller's districts (:mod:`serve.api.scope`)."""
