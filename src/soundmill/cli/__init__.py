"""The command line: what the pipeline built, used outside it."""
