"""What a run does or has done: its jobs, where they are, what they cost, how long it will take."""
