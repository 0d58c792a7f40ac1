"""Finds a windscreen on a vehicle, and says of each front seat whether a belt is worn there."""
