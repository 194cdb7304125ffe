"""The task of the pages' examples; it sends no mail."""


def send(job, to):
    """Say to whom a mail would be sent."""
    return {"sent": to}
