"""The contract: events, readings, rejections, topics."""
