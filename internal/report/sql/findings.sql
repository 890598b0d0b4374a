-- What did the screening find, in the order in which it found it?
SELECT seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind, layer_version,
       overlap_m2, share, features::text, message_zh, message_en, ST_AsBinary(geom)
FROM finding
WHERE county_code = $1 AND run_id = $2
ORDER BY seq
