-- +goose Up
-- A dataset version that should not have been loaded is retired: it keeps its
-- rows, because findings name them, but nothing new reads it.
ALTER TABLE dataset DROP CONSTRAINT dataset_status_check;
ALTER TABLE dataset ADD CONSTRAINT dataset_status_check
    CHECK (status IN ('queued', 'loading', 'committed', 'refused', 'failed', 'retired'));
ALTER TABLE dataset DROP CONSTRAINT dataset_check;
ALTER TABLE dataset ADD CONSTRAINT dataset_committed_check
    CHECK ((status IN ('committed', 'retired')) = (version IS NOT NULL AND commit_seq IS NOT NULL AND features IS NOT NULL));
ALTER TABLE dataset ADD COLUMN retired_at timestamptz;
ALTER TABLE dataset ADD COLUMN retired_reason text;
ALTER TABLE dataset ADD CONSTRAINT dataset_retired_check
    CHECK ((status = 'retired') = (retired_at IS NOT NULL AND retired_reason <> ''));

-- Only a township's declaration has a scope: a red line that one township has
-- must not pass for the county's.
ALTER TABLE dataset ADD CONSTRAINT dataset_scope_check
    CHECK (scope = '' OR kind IN ('CANDIDATE_IN', 'CANDIDATE_OUT'));
