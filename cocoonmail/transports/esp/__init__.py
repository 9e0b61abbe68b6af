"""Email service providers: one HTTP request a message, over anymail's backends."""
