-- What DuckDB says in its own way. What a cluster runs too is said in Spark's way
-- in dialect_spark.sql, under the same names.
SET preserve_insertion_order = true; -- files are written in the order asked for

CREATE TEMP MACRO minutes_before(t, minutes) AS t - to_minutes(minutes);

CREATE TEMP MACRO to_micros(t) AS epoch_us(t);

CREATE TEMP MACRO utc_date(t) AS CAST(t AS DATE); -- the session's zone is UTC

-- A hash to find rows again quickly. Two texts may have the same one: whoever
-- looks by it must not mind to find too much.
CREATE TEMP MACRO short_hash(text) AS CAST(hash(text) >> 1 AS BIGINT);

-- The two halves of a hash of 126 bits, which stands for the text itself: two
-- texts that share it would take 10^18 of them.
CREATE TEMP MACRO key_high(text) AS CAST(md5_number_upper(text) >> 1 AS BIGINT);

CREATE TEMP MACRO key_low(text) AS CAST(md5_number_lower(text) >> 1 AS BIGINT);

-- The total order of step 8: the greatest wins. A click beats any impression;
-- then the last by time and id, the smallest offset, the smallest tracker. The
-- user stands last, so that not even lines that agree in all of these are left
-- to chance.
CREATE TEMP MACRO touch_order(is_click, touch_time, touch_id, source_offset, tracker_id, user_id) AS struct_pack(
    is_click := is_click,
    touch_time := touch_time,
    touch_id := touch_id,
    before_offset := -source_offset,
    before_tracker := -tracker_id,
    user_id := user_id
);
