"""Models: the protocol, the variational autoencoder, and how they are built and loaded."""
