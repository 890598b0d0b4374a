-- Where do the county, and with it the data, end?
SELECT ST_AsBinary(ST_Multi(ST_CollectionExtract(ST_Union(geom ORDER BY fid), 3)))
FROM layer_feature
WHERE county_code = $1 AND dataset_id = ANY($2) AND kind = 'XZQ' AND code ~ '^[0-9]{9}$'
