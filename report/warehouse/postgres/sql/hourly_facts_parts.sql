-- A fingerprint of each UTC date's facts, for DuckDB.
SELECT strftime(hour, '%Y-%m-%d') AS part, count(*) || ':' || sum(md5_number_lower(CAST(to_json(t) AS VARCHAR))) AS fingerprint
FROM warehouse.hourly_facts AS t
GROUP BY part
ORDER BY part;
