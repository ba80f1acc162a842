-- The needles that request ids hold.
SELECT DISTINCT i
FROM searched_rows, range(len(getvariable('needle_patterns'))) AS n (i)
WHERE raw_mentions(event_id) AND regexp_matches(event_id, getvariable('needle_patterns')[i + 1]);
