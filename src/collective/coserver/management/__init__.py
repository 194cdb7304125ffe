"""What code in Zope asks of jobs, and changes about them: the second half of ``queue``."""
