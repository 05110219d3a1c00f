"""The audit trail: what is recorded around privileged acts, the heads that are published, and the check of both."""
