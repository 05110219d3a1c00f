"""What admins read and do: users, audit events, admins, halts, accounts. Every write is told in the audit trail."""
