"""Files of appeals and totals to records for Kafka."""
