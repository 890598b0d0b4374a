-- What is declared in a direction ($2: the kind) and year by a township now, in
-- the order of the declaration? A township may stand in its own declaration and
-- in the county's.
SELECT d.dataset_id, d.file_name, c.number, c.township_code, c.township_name, c.village, c.base_bsm, c.base_dlbm, c.target_dlbm,
       c.purpose, c.method, c.gdlx, c.actor, c.documents, c.attrs, c.declared_m2::text, c.area_m2::text
FROM dataset d JOIN candidate c ON c.county_code = d.county_code AND c.dataset_id = d.dataset_id
WHERE d.county_code = $1 AND d.kind = $2 AND d.year = $3 AND d.status = 'committed' AND c.township_code = $4
  AND NOT EXISTS (SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
                  AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq)
ORDER BY d.scope, c.fid
