"""Examples for collective.coserver; one folder each."""

from zope.i18nmessageid import MessageFactory

_ = MessageFactory("coserver_examples")
