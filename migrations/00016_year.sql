-- +goose Up
-- The digest of what a parcel declares: its boundary and every statement.
-- +goose StatementBegin
CREATE FUNCTION workflow_digest(c candidate) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(ST_AsEWKB(c.geom, 'NDR') || convert_to(jsonb_build_array(c.township_code, c.base_bsm, c.base_dlbm, c.target_dlbm, c.purpose,
        c.method, c.gdlx, c.actor, c.documents, c.attrs)::text, 'UTF8')), 'hex')
$$;
-- +goose StatementEnd

-- 等别 in thousandths, by the screening that the record stands on
ALTER TABLE workflow_record ADD COLUMN grade integer CHECK (grade BETWEEN 1000 AND 15000);
