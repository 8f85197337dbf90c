"""Which loss is lower, and is the difference real? compare.md is the manual."""
