SELECT 't' || t.id AS key, t.kind, a.redirect_hosts AS hosts, t.landing_url AS landing,
       getvariable('member_id') AS member, NULL AS code, NULL AS piggybacks
FROM trackers AS t
JOIN line_items AS l ON l.id = t.line_item_id
JOIN advertisers AS a ON a.id = l.advertiser_id
UNION ALL
SELECT 'p' || p.id, 'pixel', a.redirect_hosts, NULL,
       getvariable('member_id'), p.code, p.piggyback_pixels
FROM pixels AS p
JOIN advertisers AS a ON a.id = p.advertiser_id
ORDER BY key
