"""What people do with their own account: profile, keys, password, second factor, invitations. Read routes.py first."""
