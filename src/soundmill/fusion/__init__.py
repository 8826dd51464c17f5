"""Several modalities decide together: spoken and written digits, and what else has labels."""
