"""The refresher: roll-ups and the lives of appeals."""
