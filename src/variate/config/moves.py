"""What may be asked of moves in latent space."""

from typing import Annotated, Literal

from annotated_types import Interval

Curve = Literal["linear", "spherical", "geodesic"]
"""A path between two places in latent space."""
PathSteps = Annotated[int, Interval(ge=1, le=1_000)]
"""Steps from the beginning of a path to its end."""
Neighbours = Annotated[int, Interval(ge=1, le=10_000)]
"""A number of rows that are near another one."""
Stops = Annotated[int, Interval(ge=2, le=1_000)]
"""Places at which a latent that moves is shown."""
Span = Annotated[float, Interval(gt=0, le=100)]
"""How far a latent moves to either side, in standard deviations."""
TopLatents = Annotated[int, Interval(ge=1, le=1_000_000)]
"""A number of latents, the most informative ones."""
Strength = Annotated[float, Interval(ge=-1_000, le=1_000)]
"""How far rows are moved, in differences of two groups."""
Map = Literal["pca", "umap"]
"""How many latents are shown in two dimensions."""
