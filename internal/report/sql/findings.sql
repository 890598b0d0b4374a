-- What did the screening find that matches, in the order in which it found it, and as
-- the transaction's caller sees it? A condition that is empty keeps everything.
SELECT seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind, layer_version,
       overlap_m2, share, finding_features_shown(layer_kind, features)::text,
       finding_message_shown(layer_kind, outcome, message_zh), finding_message_shown(layer_kind, outcome, message_en),
       ST_AsBinary(finding_geom_shown(layer_kind, geom))
FROM finding f
WHERE county_code = $1 AND run_id = $2
  AND (coalesce(cardinality($3::text[]), 0) = 0 OR clause = ANY ($3))
  AND (coalesce(cardinality($4::text[]), 0) = 0 OR township_code = ANY ($4))
  AND ($5 = '' OR direction = $5) AND ($6 = '' OR number = $6) AND ($7 = '' OR outcome = $7)
  AND ($8 = '' OR EXISTS (SELECT FROM verdict v WHERE v.county_code = f.county_code AND v.run_id = f.run_id
      AND v.direction = f.direction AND v.number = f.number AND v.verdict = $8))
  AND ($9 = '' OR overlap_m2 >= nullif($9, '')::numeric)
ORDER BY seq
