"""One function per category: a random generator in, a random instance out."""
