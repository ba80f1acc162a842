-- What the tables and columns are, for DuckDB: a table's own has no column.
SELECT table_name, NULL AS column_name, comment
FROM duckdb_tables()
WHERE database_name = 'warehouse' AND comment IS NOT NULL
UNION ALL
SELECT table_name, column_name, comment
FROM duckdb_columns()
WHERE database_name = 'warehouse' AND comment IS NOT NULL
ORDER BY ALL;
