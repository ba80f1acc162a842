-- The line items, with their pixels as JSON, for DuckDB.
SELECT * REPLACE (CAST(to_json(pixels) AS VARCHAR) AS pixels)
FROM warehouse.line_items;
