-- What does a survey have inside a boundary? One row for each parcel of it that
-- the boundary touches: its class and figures, what of it is inside, and the
-- whole, by whose areas on the ellipsoid its TBMJ is shared.
SELECT p.dlbm, p.tbmj, p.area_m2, p.kcxs::text, p.gddb,
       ST_AsBinary(ST_Multi(ST_CollectionExtract(ST_Intersection(p.geom, b.geom), 3))), ST_AsBinary(p.geom)
FROM (SELECT ST_GeomFromEWKB($3) AS geom) b
JOIN parcel p ON p.county_code = $1 AND p.dataset_id = $2 AND p.geom && b.geom AND ST_Intersects(p.geom, b.geom)
ORDER BY p.fid
