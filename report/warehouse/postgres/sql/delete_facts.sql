-- Takes the facts of some UTC dates away.
DELETE FROM hourly_facts AS f
USING unnest(CAST($1 AS date[])) AS d (day)
WHERE f.hour >= CAST(d.day AS timestamp) AT TIME ZONE 'UTC'
    AND f.hour < CAST(d.day + 1 AS timestamp) AT TIME ZONE 'UTC';
