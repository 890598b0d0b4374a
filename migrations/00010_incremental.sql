-- +goose Up
-- 增量筛查: what each clause hits of a candidate, by clause, in m² (once where
-- several checks hit the same land), so that a later run can take it over. NULL
-- in runs that were made before it was kept.
ALTER TABLE verdict ADD COLUMN covered jsonb;

-- full_run asks for every candidate to be judged. Otherwise a run may take over
-- from base_run_id what no change can have touched; rejudged counts the rest.
ALTER TABLE screening_run ADD COLUMN full_run boolean NOT NULL DEFAULT false;
ALTER TABLE screening_run ADD COLUMN base_run_id uuid;
ALTER TABLE screening_run ADD COLUMN rejudged integer;
