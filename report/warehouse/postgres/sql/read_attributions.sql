-- The attributions of some UTC dates, for DuckDB.
SELECT *
FROM warehouse.attributions
WHERE date IN (SELECT CAST(unnest(CAST($1 AS VARCHAR[])) AS DATE));
