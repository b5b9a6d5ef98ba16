"""Many artists, one or more GPUs: the backend's own endpoints, whose jobs are done by replicas on Ray Serve."""
