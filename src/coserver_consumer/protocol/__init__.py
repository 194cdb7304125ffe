"""What a consumer and Zope say to each other. Pure."""
