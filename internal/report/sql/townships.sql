-- What comes, goes and is transferred in every township?
SELECT township_code, name, in_m2, out_m2, in_paddy_m2, out_paddy_m2, transfer_in_m2, transfer_out_m2, price
FROM plan_township
WHERE county_code = $1 AND plan_id = $2
ORDER BY township_code COLLATE "C"
