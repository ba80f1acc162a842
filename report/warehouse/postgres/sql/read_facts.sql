-- The facts of some UTC dates, for DuckDB.
SELECT *
FROM warehouse.hourly_facts
WHERE CAST(hour AS DATE) IN (SELECT CAST(unnest(CAST($1 AS VARCHAR[])) AS DATE));
