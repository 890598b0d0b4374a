-- +goose Up
-- which program judged, by the SHA-256 of its file: another one may judge
-- otherwise, so its verdicts are not taken over. '' in runs before it was kept.
ALTER TABLE screening_run ADD COLUMN program text NOT NULL DEFAULT '';
