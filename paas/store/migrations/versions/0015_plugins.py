"""Plugins that are installed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "plugins",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("committish", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("commands", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plugins"),
        sa.UniqueConstraint("name", name="uq_plugins_name"),
        sqlite_autoincrement=True,
    )
