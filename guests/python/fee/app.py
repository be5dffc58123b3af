"""Adds a fee and a grade to every order; a negative amount is refused."""

import sabot_sdk as sabot


@sabot.map(
    name="fee-py",
    version="1.0.0",
    columns={"amount": "float64?"},
    output={"fee": "float64?", "grade": "string"},
    extends=True,
)
def fee(row, config):
    if row.amount is None:
        return {"fee": None, "grade": "none"}
    if row.amount < 0:
        raise sabot.RowError("negative-amount", "the amount is negative")
    return {"fee": row.amount * config.get("rate", 0.015), "grade": "large" if row.amount >= 500 else "small"}
