-- Who is in the segments that are asked for, in an order of its own, so that two
-- lists of one moment are the same bytes.
SELECT segment_id, user_id, added_at, expires_at, value
FROM segment_members
WHERE list_contains(getvariable('segment_ids'), segment_id)
ORDER BY segment_id, user_id;
