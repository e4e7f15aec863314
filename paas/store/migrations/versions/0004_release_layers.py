"""Which layers a release has, beside its image: asked whenever a layer may be removed."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    table = op.create_table(
        "release_layers",
        sa.Column("release_id", sa.Integer, nullable=False),
        sa.Column("layer_id", sa.String, nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"], ["releases.id"], name="fk_release_layers_release_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("release_id", "layer_id", name="pk_release_layers"),
    )
    op.create_index("ix_release_layers_layer_id", "release_layers", ["layer_id"])
    found = op.get_bind().execute(sa.text("SELECT id, image FROM releases")).all()
    rows = [
        {"release_id": release_id, "layer_id": layer_id}
        for release_id, image in found
        for layer_id in layers(image)
    ]
    if rows:
        op.bulk_insert(table, rows)


def layers(image: object) -> list[str]:
    """The layers of an image, which some drivers hand over as text."""
    document = json.loads(image) if isinstance(image, str) else image
    assert isinstance(document, dict)  # noqa: S101 - the column has nothing else
    return list(dict.fromkeys(layer["id"] for layer in document["layers"]))
