"""What a consumer and Zope say to each other, as pure values and functions."""
