"""Makings of stacks."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "stacks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("recipe", sa.JSON, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("run", sa.JSON, nullable=False),
        sa.Column("build", sa.JSON, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stacks"),
        sa.UniqueConstraint("snapshot", name="uq_stacks_snapshot"),
    )
