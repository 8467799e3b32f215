"""Dates and times, with and without time zones, and an own tzinfo."""

import datetime


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        raise RuntimeError("asked")

    def __repr__(self):
        raise RuntimeError("shown")


class Day(datetime.date):
    pass


day = datetime.date(2024, 2, 29)
moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
fold = datetime.datetime(2024, 1, 2, 3, 4, fold=1)
clock = [datetime.time(), datetime.time(1, 2, 0, 5), datetime.time(1, 2, 3, tzinfo=datetime.timezone.utc, fold=1)]
east = datetime.timezone(datetime.timedelta(hours=2), "EAST")
plain = datetime.timezone(-datetime.timedelta(minutes=90))
spans = [datetime.timedelta(), datetime.timedelta(-1, 5), datetime.timedelta(microseconds=7)]
odd = datetime.datetime(2024, 1, 1, tzinfo=Zone())
own = Day(2000, 1, 1)
print(day.isoformat(), moment - datetime.timedelta(days=1))
