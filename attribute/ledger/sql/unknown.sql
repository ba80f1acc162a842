-- Ids that no conversion has, neither among the events nor among the decisions
-- on those whose events are gone.
SELECT id
FROM asked_ids
EXCEPT
SELECT event_id
FROM events
WHERE type = 'conversion'
EXCEPT
SELECT conversion_id
FROM attributions
ORDER BY id;
