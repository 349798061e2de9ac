"""What hookchain costs beside its peers: ``python -m benchmarks``, or ``make bench``."""
