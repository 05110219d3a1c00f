"""The waitlist: who would like to be written to once the service is offered to them."""
