"""What becomes of jobs, as events of Zope that anybody may subscribe to.

Queued, started, progressed and succeeded are told in the transaction in which they happen. Failed,
cancelled and expired are decided outside of Zope: a consumer asks for them to be told, until they
were.
"""
