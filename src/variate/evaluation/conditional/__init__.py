"""Draws given what is known: latents and missing elements of rows, conditional on observed elements and intervals."""
