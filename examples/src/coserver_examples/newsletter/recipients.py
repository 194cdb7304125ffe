"""The recipients that somebody typed into the form."""

from plone import api
from zope.i18nmessageid import Message

from coserver_examples import _


class InvalidAddress(ValueError):
    """A line isn't a mail address; ``message`` says which."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.message: Message = _("${address} is no address.", mapping={"address": address})


def read_recipients(text: str) -> list[str]:
    """Return the addresses of ``text``, one a line, each once, in the order given.

    Raises ``InvalidAddress`` for the first line that isn't one.
    """
    lines = (line.strip() for line in text.splitlines())
    addresses = list(dict.fromkeys(line for line in lines if line))
    registration = api.portal.get_tool("portal_registration")
    for address in addresses:
        if not registration.isValidEmail(address):
            raise InvalidAddress(address)
    return addresses
