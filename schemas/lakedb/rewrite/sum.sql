-- What tells whether rows are the same whatever their order: their number, and
-- the sum of a hash of all columns of each.
SELECT count(*), CAST(coalesce(sum(hash(r)), 0) AS VARCHAR)
FROM rows_after AS r;
