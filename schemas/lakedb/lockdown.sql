-- For statements that users write: beyond the folders that were allowed,
-- nothing in the file system or elsewhere can be reached, for good.
SET enable_external_access = false;
SET lock_configuration = true;
