-- The attributions of some UTC dates, for DuckDB.
SELECT *
FROM warehouse.attributions
WHERE date IN (SELECT unnest(CAST($1 AS DATE[])));
