-- What is read, each a list of Parquet files that the program sets before the
-- view is used; an empty file with the columns is always among them. Lists are
-- chosen by the times that the files hold, so that most files go unopened.

-- Conversions as the last run left them.
CREATE TEMP VIEW known AS
SELECT * FROM read_parquet(getvariable('known_files'), hive_partitioning = false);

-- Those of one day.
CREATE TEMP VIEW known_of_day AS
SELECT * FROM read_parquet(getvariable('day_files'), hive_partitioning = false);

-- Those from a day on, to which something new may reach.
CREATE TEMP VIEW known_in_reach AS
SELECT * FROM read_parquet(getvariable('reach_files'), hive_partitioning = false);

-- Conversion lines that came since the last run.
CREATE TEMP VIEW new_conversions AS
SELECT * FROM read_parquet(getvariable('new_conversion_files'), hive_partitioning = false);

-- All conversion lines of the days on which some must be looked at again.
CREATE TEMP VIEW old_conversions AS
SELECT * FROM read_parquet(getvariable('old_conversion_files'), hive_partitioning = false);

CREATE TEMP VIEW clicks AS
SELECT * FROM read_parquet(getvariable('click_files'), hive_partitioning = false);

CREATE TEMP VIEW impressions AS
SELECT * FROM read_parquet(getvariable('impression_files'), hive_partitioning = false);

CREATE TEMP VIEW voids AS
SELECT * FROM read_parquet(getvariable('void_files'), hive_partitioning = false);

CREATE TEMP VIEW new_voids AS
SELECT * FROM read_parquet(getvariable('new_void_files'), hive_partitioning = false);
