-- Which land is cultivated, outside of what might leave? The rest of a parcel
-- that outgoing candidates cut stays a parcel, without scraps: what half a
-- metre of erosion and growth does not bring back. Overlays are on the grid on
-- which the county's coordinates lie, 0.0001 m. A parcel that a candidate only
-- touches, to a millimetre, is not cut: three in five that meet one only touch,
-- and the overlays are what takes the time.
WITH inside AS MATERIALIZED (
    SELECT number, geom, ST_Buffer(geom, -0.001, 'join=mitre') AS core
    FROM usable
    WHERE county_code = $1 AND direction = 'out'
), cut AS (
    SELECT p.fid, p.geom AS whole, ST_Union(o.geom ORDER BY o.number COLLATE "C") AS geom,
           array_agg(o.number ORDER BY o.number COLLATE "C") AS numbers
    FROM inside o
    JOIN parcel p ON p.county_code = $1 AND p.dataset_id = ANY($2) AND p.geom && o.core
    WHERE p.dlbm IN ('0101', '0102', '0103') AND ST_Intersects(p.geom, o.core)
    GROUP BY p.county_code, p.dataset_id, p.fid
), rest AS (
    SELECT fid, numbers, ST_CollectionExtract(ST_Difference(whole, geom, 0.0001), 3) AS geom
    FROM cut
), scrap AS (
    SELECT r.fid, ST_Collect(d.geom ORDER BY d.path) AS geom
    FROM rest r
    CROSS JOIN LATERAL ST_Dump(ST_CollectionExtract(ST_Difference(r.geom,
        ST_Buffer(ST_Buffer(r.geom, -$3::float8 / 2, 'join=mitre'), $3::float8 / 2, 'join=mitre'), 0.0001), 3)) d
    WHERE ST_Perimeter(d.geom) > 4 * $3::float8
    GROUP BY r.fid
)
SELECT p.fid,
       ST_AsBinary(ST_Multi(CASE WHEN r.fid IS NULL THEN p.geom
                                 WHEN s.fid IS NULL THEN r.geom
                                 ELSE ST_CollectionExtract(ST_Difference(r.geom, s.geom, 0.0001), 3) END)),
       coalesce(r.numbers, '{}'), ST_AsBinary(ST_Multi(s.geom))
FROM parcel p
LEFT JOIN rest r ON r.fid = p.fid
LEFT JOIN scrap s ON s.fid = p.fid
WHERE p.county_code = $1 AND p.dataset_id = ANY($2) AND p.dlbm IN ('0101', '0102', '0103')
ORDER BY p.fid
