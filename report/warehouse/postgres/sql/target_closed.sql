-- The closed days that were loaded.
SELECT to_char(day, 'YYYY-MM-DD') AS day, entries
FROM closed_days
ORDER BY day;
