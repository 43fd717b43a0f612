"""The webhook service: platforms call, Gospulse answers when Kafka has acknowledged the events."""
