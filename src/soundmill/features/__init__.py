"""Features: descriptors in tables and spectra in arrays, computed once and shared by all lines."""
