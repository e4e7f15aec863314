"""Variables that only builds see."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "build_config",
        sa.Column("app_id", sa.Integer, nullable=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.ForeignKeyConstraint(
            ["app_id"], ["apps.id"], name="fk_build_config_app_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("app_id", "key", name="uq_build_config_app_id_key"),
    )
    op.create_index(
        "uq_build_config_global",
        "build_config",
        ["key"],
        unique=True,
        sqlite_where=sa.text("app_id IS NULL"),
        postgresql_where=sa.text("app_id IS NULL"),
    )
