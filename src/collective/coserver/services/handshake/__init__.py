"""Whether a consumer and this Zope belong together."""
