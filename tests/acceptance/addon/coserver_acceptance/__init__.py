"""Views that only the acceptance tests need; loaded by the site.zcml beside this package."""
