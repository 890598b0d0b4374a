-- +goose Up
-- 桌面 GIS 以行读图，乡镇身份也要读到：地类图斑按坐落单位代码（ZLDWDM）只见本乡镇的，
-- 约束图层属全县，各乡镇都可以看。
-- Desktop GIS reads rows. A township sees the parcels that its own code
-- stands on; constraint layers are the county's, for every township to see.
SELECT access_township_rows('parcel', 'zldwdm');
SELECT access_county_rows('layer_feature');
