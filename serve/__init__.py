"""What answers: Ray Serve deployments around the models."""
