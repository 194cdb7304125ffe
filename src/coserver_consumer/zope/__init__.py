"""How a consumer reaches Zope: to have jobs run there, and to ask its services."""
