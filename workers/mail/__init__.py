"""Mail: what people are told by e-mail, rendered in their language and handed to a mail server."""
