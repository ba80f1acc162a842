-- A fingerprint of each UTC date's attributions, for DuckDB.
SELECT strftime(date, '%Y-%m-%d') AS part, count(*) || ':' || sum(md5_number_lower(CAST(to_json(t) AS VARCHAR))) AS fingerprint
FROM warehouse.attributions AS t
GROUP BY date
ORDER BY date;
