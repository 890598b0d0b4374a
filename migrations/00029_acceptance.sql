-- +goose Up
-- 验收的限差 stand in the rulebook: what a photo and a measurement were held to is
-- kept with them, for a rulebook may change before the parcel is accepted. What was
-- measured before was held to 5 %; the photos' old limits were no rulebook's.
ALTER TABLE workflow_inspection ADD COLUMN deviation integer NOT NULL DEFAULT 500
    CHECK (deviation BETWEEN 0 AND 10000); -- hundredths of a percent of planned_m2
ALTER TABLE workflow_inspection ALTER COLUMN deviation DROP DEFAULT;
ALTER TABLE workflow_photo ADD COLUMN rulebook text NOT NULL DEFAULT '';
