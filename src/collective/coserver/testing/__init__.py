"""A consumer within the process of a test: it runs jobs when it is told to.

``publishing`` hands a job's request to Zope's publisher, as a web server would; ``consumer``
claims and ends jobs, as ``coserver run`` does. Only ``pytest_plugin`` imports it.
"""
