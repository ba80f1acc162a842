-- Who is in which segment when the warehouse is made.
CREATE TABLE warehouse.segment_members AS
FROM segment_members
ORDER BY segment_id, user_id;
