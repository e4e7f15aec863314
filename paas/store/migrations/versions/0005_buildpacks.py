"""Revisions of other people's buildpacks that were fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "fetched_buildpacks",
        sa.Column("reference", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("layer", sa.String, nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_fetched_buildpacks"),
    )
