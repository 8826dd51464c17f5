"""Audio: read, stream, write, and measure levels."""
