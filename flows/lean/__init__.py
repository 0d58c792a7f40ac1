"""Put in front of a camera actor's module path: hides what Ray would import only because it is installed.

Every Ray worker imports pyarrow to be able to pass its tables on; a camera passes none. Ray takes its absence
for granted (``ray._private.arrow_serialization``), and the actor is 5 MB smaller.
"""
