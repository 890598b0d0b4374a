-- Which townships has the county, and where about is each? A township may have
-- more than one feature (飞地).
SELECT code, min(name COLLATE "C"), ST_X(ST_Centroid(ST_Collect(geom ORDER BY fid))), ST_Y(ST_Centroid(ST_Collect(geom ORDER BY fid)))
FROM layer_feature
WHERE county_code = $1 AND dataset_id = ANY($2) AND kind = 'XZQ' AND code ~ '^[0-9]{9}$'
GROUP BY code
ORDER BY code COLLATE "C"
