-- Known conversions of which another line may have come. The scan of all that is
-- known reads one narrow column, and mostly finds nothing.
CREATE TEMP TABLE told_before AS
SELECT k.id_hash
FROM known AS k
WHERE k.id_hash IN (SELECT short_hash(event_id) FROM new_conversions);

-- Known conversions that must be looked at from step 1: of pixels and codes
-- that the catalog has changed, and those of which another line has come.
CREATE TEMP TABLE reasked AS
SELECT k.conversion_id, k.conversion_time, k.user_high, k.user_low, k.order_high, k.order_low
FROM known AS k
WHERE k.pixel_id IN (SELECT pixel_id FROM changed_pixels WHERE from_step = 1)
    AND k.refused IS DISTINCT FROM 'frozen'
UNION
SELECT k.conversion_id, k.conversion_time, k.user_high, k.user_low, k.order_high, k.order_low
FROM known AS k
WHERE k.code_hash IN (SELECT short_hash(code || ' ' || member_id) FROM changed_codes)
    AND k.refused IS DISTINCT FROM 'frozen'
UNION
SELECT k.conversion_id, k.conversion_time, k.user_high, k.user_low, k.order_high, k.order_low
FROM known AS k
WHERE k.id_hash IN (SELECT id_hash FROM told_before)
    AND k.refused IS DISTINCT FROM 'frozen';

-- Frozen conversions of which another line has come. It changes nothing.
CREATE TEMP TABLE frozen_again AS
SELECT k.conversion_id
FROM known AS k
WHERE k.id_hash IN (SELECT id_hash FROM told_before)
    AND k.refused = 'frozen';
