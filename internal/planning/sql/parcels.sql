-- Which land is cultivated, outside of what might leave? The rest of a parcel
-- that an outgoing candidate cuts stays a parcel.
WITH cut AS (
    SELECT p.fid, ST_Union(o.geom ORDER BY o.number COLLATE "C") AS geom,
           array_agg(o.number ORDER BY o.number COLLATE "C") AS numbers
    FROM usable o
    JOIN parcel p ON p.county_code = o.county_code AND p.dataset_id = ANY($2) AND p.geom && o.geom
    WHERE o.county_code = $1 AND o.direction = 'out'
      AND p.dlbm IN ('0101', '0102', '0103') AND ST_Intersects(p.geom, o.geom)
    GROUP BY p.fid
)
SELECT p.fid, CASE WHEN cut.fid IS NULL THEN ST_AsBinary(p.geom)
                   ELSE ST_AsBinary(ST_Multi(ST_CollectionExtract(ST_Difference(p.geom, cut.geom), 3))) END,
       coalesce(cut.numbers, '{}')
FROM parcel p
LEFT JOIN cut ON cut.fid = p.fid
WHERE p.county_code = $1 AND p.dataset_id = ANY($2) AND p.dlbm IN ('0101', '0102', '0103')
ORDER BY p.fid
