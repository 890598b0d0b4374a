-- What does each township bring in, let go and transfer in one plan and in the other?
SELECT coalesce(a.township_code, b.township_code), coalesce(b.name, a.name),
       coalesce(a.in_m2, 0), coalesce(b.in_m2, 0), coalesce(a.out_m2, 0), coalesce(b.out_m2, 0),
       coalesce(a.in_paddy_m2, 0), coalesce(b.in_paddy_m2, 0), coalesce(a.out_paddy_m2, 0), coalesce(b.out_paddy_m2, 0),
       coalesce(a.transfer_in_m2, 0), coalesce(b.transfer_in_m2, 0), coalesce(a.transfer_out_m2, 0), coalesce(b.transfer_out_m2, 0)
FROM (SELECT * FROM plan_township WHERE county_code = $1 AND plan_id = $2) a
FULL JOIN (SELECT * FROM plan_township WHERE county_code = $1 AND plan_id = $3) b
       ON a.county_code = b.county_code AND a.township_code = b.township_code
ORDER BY 1
