"""The own account: profile, keys, password, second factor, invitations; and the ways back in. Read routes.py first."""
