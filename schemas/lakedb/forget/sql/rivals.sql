-- Users of whom there is a line that nothing but the user tells apart from one of
-- a forgotten user's: which of the two counts rests on how the ids are sorted.
SELECT DISTINCT t.user_id, r.user_id
FROM searched_rows AS r
JOIN theirs AS t
    ON r.event_id = t.event_id
    AND r.event_time = t.event_time
    AND r.source_offset = t.source_offset
    AND r.user_id <> t.user_id;
