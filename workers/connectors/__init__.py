"""Health checks of connectors: what venues answer becomes the word of the health checks."""
