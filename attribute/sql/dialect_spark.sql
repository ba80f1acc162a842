-- What Spark SQL says otherwise than DuckDB, in the statements that a cluster
-- runs, and nowhere else. Spark 3 has no macros: these are written out where they
-- are called (dialect.go).

-- The total order of step 8, see dialect.sql. In a struct DuckDB takes null for
-- greater than any text, Spark for less.
CREATE TEMP MACRO touch_order(is_click, touch_time, touch_id, source_offset, tracker_id, user_id) AS named_struct(
    'is_click', is_click,
    'touch_time', touch_time,
    'touch_id', touch_id,
    'before_offset', -source_offset,
    'before_tracker', -tracker_id,
    'without_user', user_id IS NULL,
    'user_id', user_id
);
