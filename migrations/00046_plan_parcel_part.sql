-- +goose Up
-- 是否参与平衡: a parcel that the screening kept out of the balance could not be chosen,
-- whatever the plan is. It was told from the others by the words that its reason begins
-- with; of plans made before it is read from them here, once.
ALTER TABLE plan_parcel ADD COLUMN takes_part boolean NOT NULL DEFAULT true;

-- The column adds nothing to what was proposed and says nothing new of it: the digest
-- of a published plan is over the columns that it had.
ALTER TABLE plan_parcel DISABLE TRIGGER plan_keep_published;
UPDATE plan_parcel SET takes_part = false WHERE NOT chosen AND reason_zh LIKE '未参与平衡：%';
ALTER TABLE plan_parcel ENABLE TRIGGER plan_keep_published;
