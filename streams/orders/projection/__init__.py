"""The read models of the order road: `order-events` and `risk-signals` folded into documents."""
