"""Those who are compared, a module each; every one lives in a process of its own (`benchmarks.worker`)."""
