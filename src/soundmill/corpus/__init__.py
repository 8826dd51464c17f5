"""Corpora: find recordings, name them, decode them, join their labels."""
