"""Rows that stay on disk."""
