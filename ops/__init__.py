"""Operating the product: the floor (runtime) and the roof (processes, cli, bench)."""
