-- The answers of a cluster, in the files $1.
CREATE OR REPLACE TEMP TABLE answers AS
SELECT conversion_id, reached, is_click, touch_time, touch_id, touch_offset, tracker_id, touch_user_id
FROM read_parquet($1::VARCHAR[], hive_partitioning = false);
