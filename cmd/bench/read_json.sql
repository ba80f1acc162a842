-- What a user would run instead: one statement from the raw log to typed
-- Parquet, twelve columns, no account of lines, no exactly once.
COPY (
    SELECT
        id AS event_id,
        to_timestamp(CAST("time" AS DOUBLE)) AS event_time,
        regexp_extract(uri, '/([^/?]+)(?:\?|$)', 1) AS path,
        method,
        CAST(status AS SMALLINT) AS status,
        nullif(regexp_extract(uid_got, 'uid=(.*)', 1), '') AS user_id,
        TRY_CAST(regexp_extract(uri, '[?&]id=([^&]*)', 1) AS BIGINT) AS id,
        nullif(regexp_extract(uri, '[?&]order_id=([^&]*)', 1), '') AS order_id,
        TRY_CAST(regexp_extract(uri, '[?&]value=([^&]*)', 1) AS DECIMAL(18, 6)) AS value,
        referer,
        ua AS user_agent,
        ip
    FROM read_json(
        $1,
        format = 'newline_delimited',
        ignore_errors = true,
        columns = {
            "time": 'VARCHAR', id: 'VARCHAR', ip: 'VARCHAR', method: 'VARCHAR', host: 'VARCHAR', uri: 'VARCHAR',
            status: 'VARCHAR', referer: 'VARCHAR', ua: 'VARCHAR', uid_got: 'VARCHAR', uid_set: 'VARCHAR', gpc: 'VARCHAR'
        }
    )
) TO $2 (FORMAT parquet, COMPRESSION zstd);
