-- Where engines differ, and nowhere else. On Spark SQL: make_dt_interval,
-- unix_micros and named_struct; tables and views are temporary there anyway.
CREATE TEMP MACRO minutes_before(t, minutes) AS t - to_minutes(minutes);

CREATE TEMP MACRO to_micros(t) AS epoch_us(t);

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
