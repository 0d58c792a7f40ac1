"""What rules ought to find, worked out from the exact motion and nothing that the rules compute.

One rule's truth a class. Each is asked twice of everyone: strictly (an offence by a clear margin, and in sight)
and leniently (an offence if everything is read against the driver). Strict is to be found; lenient but not strict
is borderline, neither expected nor false; the rest is innocent.
"""
