"""One file a command. Heavy imports stay inside `run`, so that `--help` is quick."""
