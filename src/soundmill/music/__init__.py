"""Music: note events to shards, a Music Transformer, and new pieces."""
