-- +goose Up
-- 国家安排的生态退耕: a 转出 parcel inside the year's task is screened like any
-- other, but what it takes is not counted in the balance.
ALTER TABLE verdict ADD COLUMN exempt boolean NOT NULL DEFAULT false;
