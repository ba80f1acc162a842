-- The views over a shared lake, for any DuckDB: of what its edges have published,
-- whole dates alone, for a date is there when its manifest is. Set where it stands,
-- then run this; run it again to see what has been published since.
-- SET VARIABLE shared = 's3://bucket/prefix';
SET TimeZone = 'UTC';

CREATE OR REPLACE TEMP TABLE manifests AS
SELECT *
FROM read_json(
    getvariable('shared') || '/published/edge=*/[0-9]*.json',
    hive_partitioning = false,
    columns = {
        'edge': 'VARCHAR',
        'sequence': 'BIGINT',
        'date': 'DATE',
        'number': 'INTEGER',
        'published_at': 'TIMESTAMPTZ',
        'previous_sha256': 'VARCHAR',
        'account': 'JSON',
        'gaps': 'JSON',
        'files': 'STRUCT(path VARCHAR, "rows" BIGINT, bytes BIGINT, sha256 VARCHAR)[]'
    }
);

-- What stands there, by its place below the shared lake.
CREATE OR REPLACE TEMP TABLE standing AS
SELECT file, regexp_extract(file, '(events|rejects)/edge=[^/]+/(type=[^/]+/)?date=[^/]+/[^/]+$') AS path
FROM (
    SELECT file
    FROM glob(getvariable('shared') || '/events/edge=*/type=*/date=*/*.parquet')
    UNION ALL
    SELECT file
    FROM glob(getvariable('shared') || '/rejects/edge=*/date=*/*.parquet')
);

-- What is published and there no more, as where a rule of the bucket expires it.
CREATE OR REPLACE TEMP TABLE missing_files AS
SELECT path
FROM (
    SELECT unnest(files).path AS path
    FROM manifests
)
ANTI JOIN standing USING (path);

-- With the empty files that every edge has, so that no list is empty.
CREATE OR REPLACE TEMP TABLE published_files AS
SELECT s.file AS path
FROM standing AS s
WHERE s.path IN (
        SELECT unnest(files).path
        FROM manifests
    )
    OR s.path LIKE '%/date=1970-01-01/empty.parquet';

SET VARIABLE event_files = (SELECT list(path ORDER BY path) FROM published_files WHERE contains(path, '/events/edge='));
SET VARIABLE impression_files = (SELECT list(path ORDER BY path) FROM published_files WHERE contains(path, '/type=impression/'));
SET VARIABLE click_files = (SELECT list(path ORDER BY path) FROM published_files WHERE contains(path, '/type=click/'));
SET VARIABLE conversion_files = (SELECT list(path ORDER BY path) FROM published_files WHERE contains(path, '/type=conversion/'));
SET VARIABLE segment_files = (SELECT list(path ORDER BY path) FROM published_files WHERE contains(path, '/type=segment/'));
SET VARIABLE reject_files = (SELECT list(path ORDER BY path) FROM published_files WHERE contains(path, '/rejects/edge='));
