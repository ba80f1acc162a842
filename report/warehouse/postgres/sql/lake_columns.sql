-- The columns that are loaded, for DuckDB.
SELECT table_name, column_name
FROM duckdb_columns()
WHERE database_name = 'warehouse'
ORDER BY table_name, column_index;
