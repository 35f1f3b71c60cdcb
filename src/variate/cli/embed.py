"""`variate embed`: the latent coordinates of rows."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from variate.cli.arguments import Data, Model, Out
from variate.cli.output import say
from variate.config.moves import Map
from variate.limits import Checked, Seed


@dataclass(frozen=True)
class Embed(Checked):
    """Write the latent coordinates of every row, in the order of the data: the mean of q(z|x)."""

    BARE: ClassVar = {"--2d": ("pca", "umap")}
    """What a flag without a value stands for, first, and the values that it may have."""

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Rows to embed; by default all rows of the data that the model was trained on."""
    out: Out = "embeddings.parquet"
    """File to write: .parquet, .csv or .npy."""
    std: bool = False
    """Add the standard deviations of q(z|x)."""
    map: Annotated[Map | None, tyro.conf.arg(name="2d", metavar="[{pca,umap}]")] = None
    """Add a map in two dimensions, as columns x and y: by pca, the default, along whose axes rows differ most, or by
    umap, which keeps neighbours together."""
    picture: str | None = None
    """File for a picture of the map, .png."""
    color: str | None = None
    """What the picture is coloured by: a column of the table, or folder for images in sub-folders."""
    seed: Seed = 0
    """Seed of umap."""
    overwrite: bool = False
    """Replace the files if they exist."""

    def __call__(self) -> None:
        """Embeds the rows and writes them."""
        from variate.data import writers
        from variate.errors import InputError, Option, Sentence
        from variate.runs import Run
        from variate.tasks.embed import embed
        from variate.tasks.map_colors import map_colors

        path = writers.new_path(self.out, writers.TABLE_ENDINGS, self.overwrite)
        picture = self.picture and writers.new_path(self.picture, (".png",), self.overwrite, "picture")
        for option, needed in (("picture", "map"), ("color", "picture")):
            if getattr(self, option) is not None and getattr(self, needed) is None:
                raise InputError(option, Sentence("to come with ", Option(needed)), "none", "add it, or leave this out")
        run = Run(self.model)
        colors = None if self.color is None else map_colors(run, self.data, self.color)
        found = embed(run, self.data, std=self.std, map=self.map, seed=self.seed)
        if picture:
            from variate.reports.maps import Points, map_picture
            from variate.reports.pictures import save

            points = Points()
            writers.write_pieces(path, points.passing(found.pieces), found.num_rows)
            save(map_picture(points, colors), picture)
        else:
            writers.write_pieces(path, found.pieces, found.num_rows)
        say(f"wrote {found.num_rows:,} rows of {run.model.num_latents} latents to {path}, in the order of the data")
        if found.shares is not None:
            across, along = found.shares
            say(f"the map has {across:.0%} of the variance of the latents along x and {along:.0%} along y")
        if picture:
            say(f"wrote {picture}")
