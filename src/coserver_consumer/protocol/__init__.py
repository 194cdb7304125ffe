"""What a consumer and Zope say to each other, and what it means; no connection is opened here."""
