-- The committed files of each dataset, filled in before the views are made.
-- Views take them from variables, because a view takes no bound parameters.
CREATE TABLE lake_files (dataset VARCHAR, path VARCHAR);
