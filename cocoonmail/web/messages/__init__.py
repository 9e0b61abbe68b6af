"""The Messages pages: all mail by status, and one message from its webhook to the server's answer."""
