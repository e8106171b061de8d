"""Self-contained HTML pages: one file each, which asks for nothing else."""
