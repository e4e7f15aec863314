"""Alembic's entry: migrates over the connection that paas.store.migrate hands in."""

from alembic import context

# transactional_ddl: SQLite can, since we begin its transactions ourselves
context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
