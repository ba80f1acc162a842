-- An advertiser's list of its orders, one file for all days: $1 are the files of
-- attributions, $2 is the advertiser, $3 the list. One order in fifty is missing
-- in it, and one in a hundred has another value.
COPY (
    SELECT
        order_id,
        CASE WHEN hash(order_id, 50) % 100 = 0 THEN value + 1 ELSE value END AS value
    FROM read_parquet($1)
    WHERE advertiser_id = $2 AND hash(order_id, 51) % 50 > 0
    ORDER BY order_id
) TO $3 (FORMAT csv, HEADER);
