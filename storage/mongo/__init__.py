"""One repository a noun; the only place that knows the MongoDB driver."""
