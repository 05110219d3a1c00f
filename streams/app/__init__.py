"""The Faust app, its batch transport, and the memory runner; nothing else knows Faust."""
