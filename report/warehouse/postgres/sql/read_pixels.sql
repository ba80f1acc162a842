-- The pixels, with their lists as JSON, for DuckDB.
SELECT * REPLACE (
    CAST(to_json(piggyback_pixels) AS VARCHAR) AS piggyback_pixels,
    CAST(to_json(settings) AS VARCHAR) AS settings
)
FROM warehouse.pixels;
