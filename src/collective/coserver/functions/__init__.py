"""Python functions as jobs: ``@task`` makes one, and a call of it travels as a job's arguments."""
