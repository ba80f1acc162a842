-- Every money entry, with the day under which it was booked.
CREATE TABLE warehouse.ledger AS
FROM ledger
ORDER BY booked, entry_id;
