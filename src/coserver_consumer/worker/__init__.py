"""One process's work: it claims jobs, runs attempts and writes their endings."""
