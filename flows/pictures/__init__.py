"""Pictures: which deserve a look, whether a camera still looks where it did, and what may be shown. Pure."""
