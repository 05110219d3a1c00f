"""The WebSocket: protocol, hub, frames."""
