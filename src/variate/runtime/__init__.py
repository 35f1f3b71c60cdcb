"""What lies under the mathematics: processes, compilation, devices, randomness, files, progress."""
