"""What Zope says at its start."""
