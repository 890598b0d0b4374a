-- What does a survey have inside a boundary? One row for each parcel of it that
-- the boundary touches: its class and figures, and the planar area inside and of
-- the whole, by which its TBMJ is shared.
SELECT p.dlbm, p.tbmj, p.area_m2, p.kcxs::text, p.gddb,
       ST_Area(ST_Intersection(p.geom, b.geom)), ST_Area(p.geom)
FROM (SELECT ST_GeomFromEWKB($3) AS geom) b
JOIN parcel p ON p.county_code = $1 AND p.dataset_id = $2 AND p.geom && b.geom AND ST_Intersects(p.geom, b.geom)
ORDER BY p.fid
