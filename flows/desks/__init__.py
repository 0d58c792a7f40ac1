"""Beside the results actor: what is decided, ended and deleted as events come and time goes by."""
