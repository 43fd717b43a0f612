"""ClickHouse tables and views as SQL files, and what applies, checks and documents them."""
