-- Which parcels are farm tracks, ditches or ridges, that do not separate fields?
SELECT ST_AsBinary(geom)
FROM parcel
WHERE county_code = $1 AND dataset_id = ANY($2) AND dlbm IN ('1006', '1107', '1107A', '1203')
ORDER BY fid
