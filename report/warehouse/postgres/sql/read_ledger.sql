-- What is booked under one day, for DuckDB.
SELECT * FROM warehouse.ledger WHERE booked = CAST($1 AS DATE);
