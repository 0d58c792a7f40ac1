"""Parts of the rule on abandoned objects: what is none, whose it is, its life, and what is told of it."""
