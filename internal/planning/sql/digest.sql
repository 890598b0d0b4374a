-- What does a plan consist of, as one digest? Its parcels with their boundaries,
-- its townships and transfers, its options and certificate.
SELECT encode(sha256(convert_to(concat(
    (SELECT jsonb_build_array(p.run_id, p.year, p.options, p.certificate)::text
     FROM plan p WHERE p.county_code = $1 AND p.plan_id = $2), E'\n',
    (SELECT string_agg(jsonb_build_array(direction, number, township_code, chosen, net_m2, net_paddy_m2, quality, reason_zh,
                encode(sha256(ST_AsEWKB(geom)), 'hex'))::text, E'\n' ORDER BY direction, number COLLATE "C")
     FROM plan_parcel WHERE county_code = $1 AND plan_id = $2), E'\n',
    (SELECT string_agg(jsonb_build_array(township_code, name, in_m2, out_m2, in_paddy_m2, out_paddy_m2, transfer_in_m2,
                transfer_out_m2, price, price_zh)::text, E'\n' ORDER BY township_code)
     FROM plan_township WHERE county_code = $1 AND plan_id = $2), E'\n',
    (SELECT string_agg(jsonb_build_array(from_township, to_township, measure, amount_m2)::text, E'\n'
                ORDER BY from_township, to_township, measure)
     FROM plan_transfer WHERE county_code = $1 AND plan_id = $2)), 'UTF8')), 'hex')
