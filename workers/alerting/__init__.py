"""Alerts: what logs, heartbeats and jobs report becomes alerts, and people and webhooks are told of them."""
