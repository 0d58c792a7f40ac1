"""A camera's stream, live or archived: the actor, its loop, the way to the detectors, and the fleet of them."""
