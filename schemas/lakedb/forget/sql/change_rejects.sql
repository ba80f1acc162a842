-- Nobody can tell what in a line that could not be read is an address or a page:
-- nothing of it stays but whose it was.
SELECT * REPLACE (raw_after(raw) AS raw)
FROM rows_before
