"""The simulator: a seeded synthetic federation whose every record and every true figure is known beforehand."""
