"""Number plates: found on a vehicle, set upright, read, held against grammars, voted on."""
