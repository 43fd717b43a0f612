"""Apache Kafka's broker on one machine: its jars, its configuration, its process."""
