"""``gospulse preview``: the boards in a browser, and pictures of them."""
