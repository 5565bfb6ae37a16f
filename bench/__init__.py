"""How long things take, as ratios within one run: what ``make bench`` prints. docs/performance.md explains it."""
