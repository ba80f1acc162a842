-- The conversions of the UTC day from $1 to before $2, as they are to be known.
COPY (
    SELECT *
    FROM known_of_day
    WHERE conversion_id NOT IN (
        SELECT conversion_id
        FROM superseded
        WHERE conversion_time >= $1 AND conversion_time < $2
    )
    UNION ALL
    SELECT *
    FROM fresh
    WHERE conversion_time >= $1 AND conversion_time < $2
    ORDER BY conversion_time, conversion_id
) TO $3 (FORMAT parquet, COMPRESSION zstd);
