"""Records to Kafka: publisher, partitioner, topics."""
