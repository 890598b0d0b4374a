-- +goose Up
-- 身份、角色、密钥、会话；操作日志；行级安全。

-- 人员与程序. issuer and subject are what an OIDC provider says of a person;
-- the two together are the person, never a name or an address. A program has
-- neither and comes with a key.
CREATE TABLE identity (
    county_code text        NOT NULL CHECK (county_code ~ '^[0-9]{6}$'),
    identity_id uuid        NOT NULL UNIQUE,
    kind        text        NOT NULL CHECK (kind IN ('person', 'program')),
    name        text        NOT NULL CHECK (name <> ''),
    issuer      text        NOT NULL DEFAULT '',
    subject     text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    PRIMARY KEY (county_code, identity_id),
    CHECK ((issuer = '') = (subject = ''))
);
CREATE UNIQUE INDEX identity_subject ON identity (issuer, subject) WHERE issuer <> '';

-- 角色. township_code '' is the whole county, else a nine-digit prefix.
CREATE TABLE identity_role (
    county_code   text        NOT NULL,
    identity_id   uuid        NOT NULL,
    role          text        NOT NULL CHECK (role IN ('township_clerk', 'township_lead', 'bureau', 'bureau_lead', 'agriculture',
                                  'forestry', 'water', 'environment', 'government', 'auditor', 'admin')),
    township_code text        NOT NULL DEFAULT '' CHECK (township_code ~ '^([0-9]{9})?$'),
    granted_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (county_code, identity_id, role, township_code),
    FOREIGN KEY (county_code, identity_id) REFERENCES identity,
    CHECK (township_code = '' OR left(township_code, 6) = county_code),
    -- a township's own people never see the whole county, and 系统管理 is never a township's
    CHECK ((role IN ('township_clerk', 'township_lead')) <= (township_code <> '')),
    CHECK (role <> 'admin' OR township_code = '')
);

-- 接口密钥. Only its SHA-256 is kept; the key has 256 random bits, so a slow
-- hash would add nothing.
CREATE TABLE api_key (
    county_code  text        NOT NULL,
    key_id       uuid        NOT NULL,
    identity_id  uuid        NOT NULL,
    name         text        NOT NULL CHECK (name <> ''),
    prefix       text        NOT NULL UNIQUE,
    sha256       bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (county_code, key_id),
    FOREIGN KEY (county_code, identity_id) REFERENCES identity
);
CREATE INDEX api_key_identity ON api_key (county_code, identity_id);

-- 会话: the cookie's SHA-256, and when it ends.
CREATE TABLE session (
    county_code  text        NOT NULL,
    sha256       bytea       NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    identity_id  uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (county_code, sha256),
    FOREIGN KEY (county_code, identity_id) REFERENCES identity
);

-- who sent a file: a township loads only what it sent itself
ALTER TABLE upload ADD COLUMN township_code text NOT NULL DEFAULT '' CHECK (township_code ~ '^([0-9]{9})?$');

-- 操作日志: only added to. Each row's hash covers the row and the hash before
-- it, one chain for each county ('000000' for what belongs to no county).
CREATE TABLE audit_log (
    county_code    text        NOT NULL CHECK (county_code ~ '^[0-9]{6}$'),
    seq            bigint      NOT NULL CHECK (seq >= 1),
    at             timestamptz NOT NULL,
    actor_id       uuid        NOT NULL,
    actor_name     text        NOT NULL,
    actor_role     text        NOT NULL,
    actor_township text        NOT NULL,
    via            text        NOT NULL,
    action         text        NOT NULL CHECK (action <> ''),
    subject_kind   text        NOT NULL,
    subject_id     text        NOT NULL,
    before         jsonb,
    after          jsonb,
    reason         text        NOT NULL,
    previous       bytea       NOT NULL,
    hash           bytea       NOT NULL,
    PRIMARY KEY (county_code, seq)
);
CREATE INDEX audit_log_subject ON audit_log (county_code, subject_kind, subject_id, seq);

-- the end of each chain, so that cutting off its last rows is found too
CREATE TABLE audit_head (
    county_code text   PRIMARY KEY,
    seq         bigint NOT NULL,
    hash        bytea  NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '操作日志只增不改 · the audit log is only added to (% on %)', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_head EXECUTE FUNCTION audit_append_only();
-- +goose StatementBegin
CREATE FUNCTION audit_head_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.county_code <> OLD.county_code OR NEW.seq <> OLD.seq + 1 THEN
        RAISE EXCEPTION '操作日志的链头只能前进 · the head of the audit chain only goes forward'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_head_forward();

-- The bytes that a hash covers: every field with its length before it, so that
-- no two rows have the same bytes; a missing one is "-".
-- +goose StatementBegin
CREATE FUNCTION audit_frame(VARIADIC fields text[]) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(string_agg(coalesce(octet_length(convert_to(f, 'UTF8')) || ':' || f, '-'), ',' ORDER BY n), 'UTF8')
    FROM unnest(fields) WITH ORDINALITY AS u(f, n)
$$;
-- +goose StatementEnd

-- The one way in. It runs with its owner's rights, so that who may write an
-- entry (the township role too) need not be let at the table. Two writers of
-- one county wait for each other at the head.
-- +goose StatementBegin
CREATE FUNCTION audit_append(county text, who uuid, who_name text, who_role text, who_township text, how text,
    what text, kind text, id text, was jsonb, is_now jsonb, why text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    head audit_head;
    stamp timestamptz;
    digest bytea;
BEGIN
    -- a township's transaction writes for its own county and in its own name only
    IF nullif(current_setting('gengheng.township', true), '') IS NOT NULL AND
       (county IS DISTINCT FROM current_setting('gengheng.county', true)
        OR who_township IS DISTINCT FROM current_setting('gengheng.township', true)) THEN
        RAISE EXCEPTION '乡镇只能以本乡镇的名义记日志 · a township writes to the log only in its own name'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO audit_head (county_code, seq, hash) VALUES (county, 0, '\x') ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM audit_head WHERE county_code = county FOR UPDATE;
    stamp := clock_timestamp();
    digest := sha256(head.hash || audit_frame(county, (head.seq + 1)::text,
        to_char(stamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        who::text, who_name, who_role, who_township, how, what, kind, id, was::text, is_now::text, why));
    INSERT INTO audit_log VALUES (county, head.seq + 1, stamp, who, who_name, who_role, who_township, how,
        what, kind, id, was, is_now, why, head.hash, digest);
    UPDATE audit_head SET seq = head.seq + 1, hash = digest WHERE county_code = county;
    RETURN head.seq + 1;
END
$$;
-- +goose StatementEnd

-- 行级安全. A request of a township runs as gengheng_township, which owns
-- nothing, may not log in, and sees only rows of the township named in
-- gengheng.county and gengheng.township. Whoever acts for the whole county
-- runs as the owner of the tables, whom row security does not touch.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gengheng_township') THEN
        BEGIN
            CREATE ROLE gengheng_township NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the server was quicker
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION '数据库用户 % 无权建立角色，请管理员先执行：CREATE ROLE gengheng_township NOLOGIN; GRANT gengheng_township TO %; · this user may not create roles; let an administrator run these two statements first', current_user, current_user;
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        BEGIN
            EXECUTE format('GRANT gengheng_township TO %I', current_user);
        EXCEPTION WHEN insufficient_privilege THEN NULL; -- it may have been granted by an administrator
        END;
    END IF;
    BEGIN
        EXECUTE format('SET LOCAL ROLE gengheng_township; SET LOCAL ROLE %I', current_user);
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION '数据库用户 % 不能切换到角色 gengheng_township，请管理员先执行：GRANT gengheng_township TO %; · this user may not act as that role; let an administrator run this statement first', current_user, current_user;
    END;
END
$$;
-- +goose StatementEnd

CREATE FUNCTION access_county() RETURNS text LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('gengheng.county', true), '') $$;
CREATE FUNCTION access_township() RETURNS text LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('gengheng.township', true), '') $$;

-- access_township_rows(table[, column[, privileges]]): a township has the rows
-- of its own, by county_code and the named column. For migrations of tables
-- that townships own; without it a table is closed to them.
-- +goose StatementBegin
CREATE FUNCTION access_township_rows(tbl regclass, township_column name DEFAULT 'township_code', privileges text DEFAULT 'SELECT')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF privileges !~ '^(SELECT|INSERT|UPDATE)(, *(SELECT|INSERT|UPDATE))*$' THEN
        RAISE EXCEPTION 'privileges are of SELECT, INSERT, UPDATE, not %', privileges;
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('CREATE POLICY access_township ON %s TO gengheng_township USING (county_code = (SELECT access_county()) AND starts_with(%I, (SELECT access_township())))', tbl, township_column);
    EXECUTE format('GRANT %s ON %s TO gengheng_township', privileges, tbl);
END
$$;
-- +goose StatementEnd

-- access_county_rows(table[, privileges]): a township has every row of its
-- county. For what the whole county may know.
-- +goose StatementBegin
CREATE FUNCTION access_county_rows(tbl regclass, privileges text DEFAULT 'SELECT')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF privileges !~ '^(SELECT|INSERT|UPDATE)(, *(SELECT|INSERT|UPDATE))*$' THEN
        RAISE EXCEPTION 'privileges are of SELECT, INSERT, UPDATE, not %', privileges;
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('CREATE POLICY access_county ON %s TO gengheng_township USING (county_code = (SELECT access_county()) AND (SELECT access_township()) IS NOT NULL)', tbl);
    EXECUTE format('GRANT %s ON %s TO gengheng_township', privileges, tbl);
END
$$;
-- +goose StatementEnd

SELECT access_township_rows('candidate');
SELECT access_township_rows('verdict');
SELECT access_township_rows('finding');
SELECT access_township_rows('plan_parcel');
SELECT access_township_rows('plan_township');
SELECT access_township_rows('upload');
SELECT access_county_rows('county');
SELECT access_county_rows('screening_run');
SELECT access_county_rows('plan');
GRANT SELECT ON rulebook TO gengheng_township;

ALTER TABLE plan_transfer ENABLE ROW LEVEL SECURITY;
CREATE POLICY access_township ON plan_transfer TO gengheng_township USING (county_code = (SELECT access_county())
    AND (starts_with(from_township, (SELECT access_township())) OR starts_with(to_township, (SELECT access_township()))));
GRANT SELECT ON plan_transfer TO gengheng_township;

-- Layers are the county's; a declaration is its township's. A declaration of
-- the whole county holds every township's rows: the file's report is not shown.
ALTER TABLE dataset ENABLE ROW LEVEL SECURITY;
CREATE POLICY access_township ON dataset TO gengheng_township USING (county_code = (SELECT access_county())
    AND (SELECT access_township()) IS NOT NULL AND (scope = '' OR starts_with(scope, (SELECT access_township()))));
GRANT SELECT ON dataset TO gengheng_township;

ALTER TABLE dataset_issue ENABLE ROW LEVEL SECURITY;
CREATE POLICY access_township ON dataset_issue TO gengheng_township USING (county_code = (SELECT access_county())
    AND EXISTS (SELECT FROM dataset d WHERE d.county_code = dataset_issue.county_code AND d.dataset_id = dataset_issue.dataset_id
                AND (d.scope <> '' OR d.kind NOT IN ('CANDIDATE_IN', 'CANDIDATE_OUT'))));
GRANT SELECT ON dataset_issue TO gengheng_township;

-- a township follows the loading of its own files
ALTER TABLE job ENABLE ROW LEVEL SECURITY;
CREATE POLICY access_township ON job TO gengheng_township USING (county_code = (SELECT access_county())
    AND kind = 'load' AND EXISTS (SELECT FROM dataset d WHERE d.county_code = job.county_code AND d.dataset_id = job.subject
                                  AND d.scope <> ''));
GRANT SELECT ON job TO gengheng_township;

REVOKE ALL ON FUNCTION audit_append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_append TO gengheng_township;
