-- Which parcels has a plan chosen, and what does each weigh? What the state has
-- ordered weighs nothing in the balance.
SELECT direction, number, township_code, net_m2, net_paddy_m2, (quality * 1000)::bigint
FROM plan_parcel
WHERE county_code = $1 AND plan_id = $2 AND chosen
ORDER BY direction, number COLLATE "C"
