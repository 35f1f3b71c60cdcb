"""What is measured, a module a section; each has `measure(settings)` that gives tables."""
