"""The titles of the permissions, by which Zope's security knows them."""

MANAGE_JOBS = "collective.coserver: Manage jobs"
VIEW_ALL_JOBS = "collective.coserver: View all jobs"
VIEW_OWN_JOBS = "collective.coserver: View own jobs"
