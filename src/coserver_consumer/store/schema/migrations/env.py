"""Alembic's environment: it runs on the connection that `upgrade.upgrade` hands it."""

from alembic import context

from coserver_consumer.store.schema.tables import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
