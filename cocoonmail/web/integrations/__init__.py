"""The Integrations pages: endpoints, their secrets and events, test events, and the log of deliveries."""
