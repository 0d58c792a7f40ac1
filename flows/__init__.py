"""What happens to frames and events."""
