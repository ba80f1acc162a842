-- How many conversions had to be looked at.
SELECT (SELECT count(*) FROM keyed) + (SELECT count(*) FROM replayed);
