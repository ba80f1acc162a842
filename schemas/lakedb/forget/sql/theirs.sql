-- Events of the forgotten users in the files named.
INSERT INTO theirs
SELECT DISTINCT event_id, event_time, source_offset, user_id
FROM searched_rows
WHERE is_forgotten(user_id);
