"""Number plates drawn for training and benches: looks, surroundings, wear and weather."""
