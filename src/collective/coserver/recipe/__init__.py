"""The buildout recipe: ``recipe = collective.coserver`` makes ``bin/<part>``, a consumer.

It is imported while buildout runs, without Zope.
"""

from collective.coserver.recipe.consumer import Consumer

__all__ = ["Consumer"]
