"""Zope's settings, and its engine on the queue's database."""
