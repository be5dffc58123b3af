"""Keeps orders of at least the configured amount; an order without a user is refused."""

import sabot_sdk as sabot


def check(config):
    if config.get("min", 0) < 0:
        raise sabot.ConfigError("min is negative")


@sabot.filter(
    name="large-orders-py", version="1.0.0", columns={"user": "string", "amount": "float64?"}, check=check
)
def large_orders(row, config):
    if not row.user:
        raise sabot.RowError("no-user", "the order has no user")
    return row.amount is not None and row.amount >= config.get("min", 100)
