"""soundmill: a folder of recordings becomes new music, in one reproducible DAG."""

__version__ = "0.1.0"
