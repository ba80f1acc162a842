-- What tells whether rows are the same: their number, and the sum of a hash of all
-- columns of each.
SELECT count(*), CAST(coalesce(sum(hash(r)), 0) AS VARCHAR)
FROM part_rows AS r;
