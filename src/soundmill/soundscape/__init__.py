"""Soundscapes: learn field recordings, make new ones."""
