-- An advertiser's list, as the report reads it: a row for each of its rows.
CREATE OR REPLACE TEMP TABLE report_orders (
    order_id VARCHAR,
    millionths BIGINT,   -- the value; null where the list has none
    inside BOOLEAN,      -- in the report's range
    line BIGINT,         -- where it stands in the list
    at_column BIGINT
);
