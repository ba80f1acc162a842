-- The values of one report, in the order in which they are bound: lists as
-- JSON documents.
SET VARIABLE report_by = (SELECT coalesce(from_json($1::VARCHAR, '["VARCHAR"]'), []));
SET VARIABLE report_filters = (SELECT from_json($1::VARCHAR, '"MAP(VARCHAR, VARCHAR[])"'));
SET VARIABLE report_params = (SELECT from_json($1::VARCHAR, '"MAP(VARCHAR, VARCHAR)"'));
SET VARIABLE report_of_pixels = $1::BOOLEAN;
INSERT INTO report_spans BY NAME
SELECT unnest(from_json($1::VARCHAR, '[{
        "zone": "INTEGER",
        "first": "TIMESTAMPTZ",
        "until": "TIMESTAMPTZ",
        "began": "TIMESTAMPTZ",
        "offset_seconds": "BIGINT"
    }]'), max_depth := 2);
INSERT INTO report_zones BY NAME
SELECT unnest(from_json($1::VARCHAR, '[{"advertiser_id": "BIGINT", "zone": "INTEGER"}]'), max_depth := 2);
SET VARIABLE report_first = $1::TIMESTAMPTZ;
SET VARIABLE report_until = $1::TIMESTAMPTZ;
SET VARIABLE report_now = $1::TIMESTAMPTZ;
-- The business days that the range covers, half-open, and the configured first
-- day of the ledger.
SET VARIABLE report_first_day = $1::DATE;
SET VARIABLE report_until_day = $1::DATE;
SET VARIABLE report_ledger_from = $1::DATE;
