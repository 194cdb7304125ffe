"""The consumer of collective.coserver and the client for programs that aren't Zope.

Pure Python: nothing here imports Zope, Plone or ZODB, but for the one transport that
opens the ZODB, which does so when it starts.
"""
