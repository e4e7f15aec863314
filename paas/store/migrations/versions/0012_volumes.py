"""Volumes, and where apps have them mounted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "volumes",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("host_path", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.Column("annotations", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_volumes"),
    )
    op.create_table(
        "volume_mounts",
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("volume", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("phases", sa.String, nullable=False),
        sa.Column("process_type", sa.String, nullable=False),
        sa.Column("subpath", sa.String, nullable=False),
        sa.Column("read_only", sa.Boolean, nullable=False),
        sa.Column("options", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.ForeignKeyConstraint(
            ["app_id"], ["apps.id"], name="fk_volume_mounts_app_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("app_id", "position", name="pk_volume_mounts"),
    )
