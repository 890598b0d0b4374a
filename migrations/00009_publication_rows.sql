-- +goose Up
-- What is proposed and approved for the year is known to the whole county.
SELECT access_county_rows('plan_publication');
