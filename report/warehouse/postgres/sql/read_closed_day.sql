-- One closed day, for DuckDB.
SELECT * FROM warehouse.closed_days WHERE day = CAST($1 AS DATE);
