-- What is a township called on the map in force for a year?
SELECT f.name FROM layer_feature f
WHERE f.county_code = $1 AND f.code = $3 AND f.dataset_id = (
    SELECT dataset_id FROM dataset WHERE county_code = $1 AND kind = 'XZQ' AND scope = '' AND status = 'committed'
    ORDER BY (year = $2) DESC, commit_seq DESC LIMIT 1)
ORDER BY f.fid LIMIT 1
