"""What knows how to see."""
