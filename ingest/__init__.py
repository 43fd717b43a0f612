"""Everything that turns the outside world into events: importers, the simulator, identities, the publisher."""
