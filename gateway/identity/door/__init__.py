"""What needs no credentials: registration, verification, login in two steps. Read routes.py, handlers.py, flows.py."""
