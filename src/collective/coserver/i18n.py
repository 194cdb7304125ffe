"""The translation domain of everything a person reads."""

from zope.i18nmessageid import MessageFactory

_ = MessageFactory("collective.coserver")
