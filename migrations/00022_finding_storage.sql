-- +goose Up
-- 筛查结果的写入: what a screening writes, its user waits for. Nothing asks for
-- findings by place alone: they are read by run, and an index over the findings of
-- every run that ever was serves none of them, while each finding of each run pays
-- for it. Coordinates do not compress, so that trying to is lost.
DROP INDEX finding_geom;
ALTER TABLE finding ALTER geom SET STORAGE EXTERNAL;
ALTER TABLE verdict ALTER remainder SET STORAGE EXTERNAL;
