"""What Zope says when it starts."""
