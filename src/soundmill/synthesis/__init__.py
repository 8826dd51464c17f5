"""Synthesis: note events to sound, through a SoundFont and an effects chain."""
