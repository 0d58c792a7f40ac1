"""What the belt classifier learns from: cars with people in them, rendered one behind the other."""
