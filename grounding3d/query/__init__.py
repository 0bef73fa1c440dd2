"""Questions in words, answers in metres."""
