"""The view that the benchmarks have run as a job; loaded by the site.zcml beside this package."""
