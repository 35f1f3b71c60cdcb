"""Diagnostics: what each part of a model costs, in nats.

A diagnosis that needs what the model does not offer returns None: it does not apply.
"""
