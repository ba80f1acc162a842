-- What the warehouse was made of, in one row.
CREATE TABLE warehouse.warehouse_info AS
SELECT
    CAST(getvariable('now') AS TIMESTAMP WITH TIME ZONE) AS built_at,
    CAST($1 AS BIGINT) AS lake_commit,
    CAST($2 AS VARCHAR) AS catalog_digest,
    (SELECT max(day) FROM warehouse.closed_days) AS ledger_closed_to,
    CAST($3 AS VARCHAR) AS time_zone,
    CAST($4 AS BIGINT) AS version;
