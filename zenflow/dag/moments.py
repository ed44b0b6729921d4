"""Arithmetic with times that others have written: total, for a status or a condition may carry any time there is."""

from datetime import UTC, datetime, timedelta

# As far as times go; what would be later than this never comes.
NEVER = datetime.max.replace(microsecond=0, tzinfo=UTC)


def after(moment: datetime, wait: timedelta) -> datetime:
    """So long after a moment; `NEVER` where no time is so late."""
    try:
        return moment + wait
    except OverflowError:
        return NEVER
