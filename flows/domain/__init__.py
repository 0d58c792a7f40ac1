"""The words everybody uses: frames, detections, tracks, the ground, events, the site and errors."""
