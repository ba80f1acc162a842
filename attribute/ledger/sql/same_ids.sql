-- Ids that several entries have.
SELECT entry_id || ': ' || count(*) || ' entries have this id'
FROM ledger
GROUP BY entry_id
HAVING count(*) > 1
ORDER BY entry_id
LIMIT 1000;
