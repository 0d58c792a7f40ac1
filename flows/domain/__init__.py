"""The words everybody uses: frames, tracks, events, cases, reports, the site, errors; and what these may become."""
