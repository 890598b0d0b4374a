-- What does the survey in force for a year say of these patches?
SELECT p.bsm, coalesce(p.zzsxdm, ''), coalesce(p.qsxz, ''), coalesce(p.qsdwmc, ''), coalesce(p.zldwmc, ''),
       coalesce(p.gdpdjb, ''), p.gddb, coalesce(p.tbxhdm, ''), p.tbmj::text
FROM parcel p
WHERE p.county_code = $1 AND p.bsm = ANY ($3) AND p.dataset_id = (
    SELECT dataset_id FROM dataset WHERE county_code = $1 AND kind = 'DLTB' AND scope = '' AND status = 'committed'
    ORDER BY (year = $2) DESC, commit_seq DESC LIMIT 1)
ORDER BY p.fid DESC
