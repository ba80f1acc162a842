-- The closed business days, from the notes of the closes, as one bound JSON
-- document: days without an entry are in no ledger file.
CREATE TABLE warehouse.closed_days AS
SELECT *
FROM (
    SELECT unnest(from_json($1::JSON, '[{
            "day": "DATE",
            "sequence": "BIGINT",
            "begins": "TIMESTAMPTZ",
            "ends": "TIMESTAMPTZ",
            "entries": "BIGINT",
            "catalog_digest": "VARCHAR"
        }]'), max_depth := 2)
)
ORDER BY sequence;
