"""Registration, verification and login in two steps, for users and for admins; and the routes of sessions. Read routes.py first."""
