"""The event vocabulary: note-seq's performance encoding plus pad, start and end.

Oore et al., "This time with feeling: learning expressive musical performance" (2018), section 4.1;
class order as `note_seq.PerformanceOneHotEncoding(num_velocity_bins=32)` gives it.
"""

PAD, START, END = 0, 1, 2
SPECIAL = 3
PITCHES = 128
TIME_SHIFTS = 100
"""Time shifts of 1 to 100 steps."""
VELOCITY_BINS = 32
STEPS_PER_SECOND = 100
"""One step is 10 ms."""

NOTE_ON = SPECIAL
NOTE_OFF = NOTE_ON + PITCHES
TIME_SHIFT = NOTE_OFF + PITCHES
"""Token TIME_SHIFT + k - 1 moves time on by k steps, k = 1 to 100."""
VELOCITY = TIME_SHIFT + TIME_SHIFTS
"""Token VELOCITY + b - 1 sets velocity bin b, b = 1 to 32."""
SIZE = VELOCITY + VELOCITY_BINS
"""391 tokens: 3 special + 388 performance events."""
