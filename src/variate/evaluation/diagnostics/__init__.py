"""Why a model is not better than it is: what each of its parts costs, in nats."""
