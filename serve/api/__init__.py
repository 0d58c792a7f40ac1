"""The API: one FastAPI application, behind Ray Serve or bare.

A file in ``routes/`` with a ``router`` is found by itself. Each of its endpoints says with ``@may(...)`` who may call
it (:mod:`.access`) and reaches data only through a scope (:mod:`.scope`), which is bound to the caller's districts.
"""
