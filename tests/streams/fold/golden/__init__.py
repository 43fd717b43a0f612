"""The golden log: what the fold makes of a fixed log, kept beside it, so that a change of rows cannot pass unseen."""
