"""The contract: what travels through Kafka, what ClickHouse keeps, and the reference data both lean on."""
