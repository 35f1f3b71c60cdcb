"""What a model costs, in multiplications a row, counted from one pass."""

from torch import Tensor, nn

from variate.models.vae import VAE, evaluating


def multiplications(vae: VAE, row: Tensor) -> int:
    """Products of weights and activations in one pass of a row through encoder and decoder.

    A training step does about three times as many: once forward, twice back.

    Args:
        vae: The model.
        row: Any one row as it is, (1, *event).
    """
    total = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.get_parameter("weight")
        places = output[0, 0].numel() if isinstance(module, nn.Conv2d) else output[0].numel() // weight.shape[0]
        total += weight.numel() * max(1, places)

    kinds = (nn.Linear, nn.Conv2d)
    hooks = [m.register_forward_hook(count) for m in vae.modules() if isinstance(m, kinds)]
    try:
        with evaluating(vae):
            vae.likelihood(vae.posterior(row.to(vae.device)).mean)
    finally:
        for hook in hooks:
            hook.remove()
    return total
