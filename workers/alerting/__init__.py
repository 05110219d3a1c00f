"""Alerts: what logs, heartbeats and jobs report becomes alerts, and people and webhooks are told of them.

The way of a signal, in the order of reading: storage/models/alerts.py (an alert, what reports make of it; pure), `signals` (a record
-> a report; `letters` likewise, `missed` what can be read no more), `reading` (what is new in a topic -> its reports),
storage/alerting.py (a report -> the alert as it stands now, kept by storage/mongo/alerts.py, and the job that delivers it),
storage/models/alert_tellings.py (when a round of telling is due, and to whom; pure), `delivery` (the job: a round of telling -> mails and
webhooks, and the sweeps that find what no job came for), `mails` and `webhooks` (how each is told).

What nobody reports is looked for: `watching` (looks again and again, raises and resolves), `processes` (what is gone or not ready; pure).
Jobs, Alertmanager and whoever else knows of trouble come in at storage/alerting.py. ops/processes/alert_parts.py wires it all.
"""
