"""What the command line does to log and store, as functions over a platform: run here, or inside a running `up`."""
