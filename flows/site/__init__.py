"""The site file, read and explained; what of a site is fit for evidence."""
