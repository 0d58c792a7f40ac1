"""Where things are on the road and how they move, in metres, with what is uncertain of it. Pure."""
