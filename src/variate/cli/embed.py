"""`variate embed`: the latent coordinates of rows."""

from dataclasses import dataclass

from variate.cli.arguments import Data, Model
from variate.cli.output import say
from variate.limits import Checked


@dataclass(frozen=True)
class Embed(Checked):
    """Write the latent coordinates of every row, in the order of the data: the mean of q(z|x)."""

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Rows to embed; by default all rows of the data that the model was trained on."""
    out: str = "embeddings.parquet"
    """File to write: .parquet, .csv or .npy."""
    std: bool = False
    """Add the standard deviations of q(z|x)."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Embeds the rows and writes them."""
        from variate.data import writers
        from variate.runs import Run
        from variate.tasks.embed import embed

        path = writers.new_path(self.out, writers.TABLE_ENDINGS, self.overwrite)
        run = Run(self.model)
        found = embed(run, self.data, std=self.std)
        writers.write_pieces(path, found.pieces, found.num_rows)
        say(f"wrote {found.num_rows:,} rows of {run.model.num_latents} latents to {path}, in the order of the data")
