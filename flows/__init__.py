"""What happens to frames and events; ``README.md`` is the map."""
