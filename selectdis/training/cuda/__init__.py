"""How cohorts train on CUDA devices: a step as one graph, networks and optimiser by our own kernels."""
