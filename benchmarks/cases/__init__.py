"""What is timed, by topic; each module has ``cases()``, and is left out where what it needs is not installed."""
