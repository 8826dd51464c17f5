"""Transcription: audio to note events, and how good they are."""
