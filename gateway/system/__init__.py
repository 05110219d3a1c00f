"""Status, server time, the error catalogue, the contract and its page."""
