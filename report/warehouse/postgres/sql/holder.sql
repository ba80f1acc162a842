-- Who holds the lock of that key, for people.
SELECT a.application_name
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory'
    AND l.granted
    AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((CAST(l.classid AS bigint) << 32) | CAST(l.objid AS bigint)) = hashtextextended($1, 0);
