"""What becomes of violations, passages and search cases, by which lists, who is told, and the audit log looked after.

Without a store: :mod:`flows.store` keeps all of it, and :mod:`flows.desks` ask when it is time.
"""
