"""How a consumer has Zope run a job over HTTP, and asks its services."""
