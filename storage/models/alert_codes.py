"""The codes of the alerts that the hub itself raises. Each has a title in three languages (workers/mail/words.py) and a paragraph
in docs/operating.md. Rules of Prometheus bring codes of their own: ours have titles too (tests hold them to the rules), others
are mailed under their code.
"""

from typing import Final

DEAD_LETTER: Final = "log.dead_letter"
RECORDS_MISSED: Final = "log.records_missed"
PROCESS_GONE: Final = "process.gone"
PROCESS_NOT_READY: Final = "process.not_ready"
PARTITION_STALLED: Final = "partition.stalled"
PROVISIONING_FAILED: Final = "provisioning.failed"
OF_SIGNALS: Final = (
    "connector.down", "exposure.limit", "exposure.warning", "feed.stale", "margin.call", "margin.liquidation",
    "margin.warning", "order.rate", "order.unknown", "reconciliation.break",
)  # fmt: skip
"""A risk signal keeps its own code."""
ALERT_CODES: Final = (
    DEAD_LETTER, RECORDS_MISSED, PROCESS_GONE, PROCESS_NOT_READY, PARTITION_STALLED, PROVISIONING_FAILED, *OF_SIGNALS,
)  # fmt: skip
