"""Upgrade steps of the profile ``default``, one module for each version that they lead to."""
