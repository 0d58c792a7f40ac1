"""Faces of search cases: best crops at the camera, matching where the gallery lives, nothing kept of anybody else."""
