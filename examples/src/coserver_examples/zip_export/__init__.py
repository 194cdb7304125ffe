"""A zip of a folder's files: a function as a job, with progress, whose result is in the site."""
