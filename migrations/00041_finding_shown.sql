-- +goose Up
-- 乡镇看得到的发现: a finding about other declarations (layer CANDIDATE_IN or
-- CANDIDATE_OUT) names the parcels of whoever declared them, with their areas and
-- their shape. A township learns that its own parcel overlaps them, by how much and
-- how many they are; not whose, which or where. What a finding shows is asked here
-- by everything that gives one to a caller.
CREATE FUNCTION finding_withheld(layer_kind text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT starts_with(layer_kind, 'CANDIDATE_') AND nullif(current_setting('gengheng.township', true), '') IS NOT NULL
$$;

CREATE FUNCTION finding_features_shown(layer_kind text, features jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN finding_withheld(layer_kind) THEN '[]' ELSE features END
$$;

CREATE FUNCTION finding_geom_shown(layer_kind text, geom geometry) RETURNS geometry LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN finding_withheld(layer_kind) THEN NULL ELSE geom END
$$;

-- finding_unnamed is a message in either language without its list of features and
-- what depends on them: its words up to their number, whether it is tolerated, and
-- its source. A feature's name may hold any text, so that all is dropped up to the
-- last source that is named, and there is none without its own form.
CREATE FUNCTION finding_unnamed(outcome text, message text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN zh IS NOT NULL THEN zh || CASE WHEN outcome = 'tolerated' THEN '；在容差内' ELSE '' END
            || coalesce(substring(substr(message, length(zh) + 1) FROM '^.*(；依据《.*)$'), '')
        WHEN en IS NOT NULL THEN en || CASE WHEN outcome = 'tolerated' THEN '; within the tolerance' ELSE '' END
            || coalesce(substring(substr(message, length(en) + 1) FROM '^.*(; by [^;]+ of rulebook [^;]*)$'), '')
        ELSE message END
    FROM (SELECT substring(message FROM '^(.*?；涉及 [0-9]+ 个图斑)：') AS zh, substring(message FROM '^(.*?; features [0-9]+): ') AS en) m
$$;

CREATE FUNCTION finding_message_shown(layer_kind text, outcome text, message text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN finding_withheld(layer_kind) THEN finding_unnamed(outcome, message) ELSE message END
$$;
