"""Demo corpora: music the project composes itself, so that a newcomer needs no download."""
