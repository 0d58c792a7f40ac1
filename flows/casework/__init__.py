"""What becomes of violations, passages and search cases once they are written, and who is told. Without a store."""
