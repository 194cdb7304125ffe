"""A whole installation in one directory: ZEO, Zope with a Plone site, and consumers.

``bin/demo`` shows it to people and the acceptance tests measure it. Nothing here is part of
the distribution.

bootstrap     the venv, from the lock (standard library only)
uv            the installer, run by hand
versions      buildout's versions.cfg, from the lock
ports         free ones and taken ones
processes     one program with its log file: start, wait until ready, stop
ready         the conditions that a start waits for
instance      the files of a ZEO server and of a Zope instance
site          the Plone site, a script for ``zconsole run``
stack         all of that together
steps         progress lines
button        the example's button, pressed over HTTP
home          the directory that keeps the data
leftovers     processes of a start that was killed
command       ``bin/demo``
"""
