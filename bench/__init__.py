"""Speed, as ratios against peers in the same run. `make bench` runs every module that has a `main`."""
