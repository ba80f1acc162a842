-- A fingerprint of a whole table, for DuckDB, whatever the order of its rows.
SELECT '1970-01-01' AS part, count(*) || ':' || coalesce(sum(md5_number_lower(CAST(to_json(t) AS VARCHAR))), 0) AS fingerprint
FROM query_table($1) AS t;
