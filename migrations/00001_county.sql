-- +goose Up
-- county_code is the first column of every key, so that a province is more
-- counties in the same tables and never a rewrite.

CREATE EXTENSION IF NOT EXISTS postgis;

-- 县. srid is the county's own plane: CGCS2000 3-degree Gauss-Kruger without
-- zone prefix (EPSG 4534-4554). Every stored geometry of the county is in it.
CREATE TABLE county (
    county_code text        PRIMARY KEY CHECK (county_code ~ '^[0-9]{6}$'),
    name        text        NOT NULL CHECK (name <> ''),
    srid        integer     NOT NULL CHECK (srid BETWEEN 4534 AND 4554),
    synthetic   boolean     NOT NULL DEFAULT false,
    rulebook    text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- 规则库 as it was when something was decided by it. version is the hash of
-- the document, so a row is never rewritten.
CREATE TABLE rulebook (
    version    text        PRIMARY KEY,
    id         text        NOT NULL,
    year       integer     NOT NULL,
    document   text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE county ADD FOREIGN KEY (rulebook) REFERENCES rulebook (version);

-- 数据集版本: one row for each upload of one layer. It appears whole (status
-- committed, with all its rows) or not at all. version is a hash of the
-- content as stored, so the same survey in another file format has the same
-- version. scope is '' for the county, a township code for a township's own
-- declaration. The current version of (kind, year, scope) is the committed one
-- with the greatest commit_seq.
CREATE SEQUENCE dataset_commit_seq;
CREATE TABLE dataset (
    county_code  text        NOT NULL REFERENCES county,
    dataset_id   uuid        NOT NULL,
    kind         text        NOT NULL,
    year         integer     NOT NULL,
    scope        text        NOT NULL DEFAULT '',
    status       text        NOT NULL CHECK (status IN ('queued', 'loading', 'committed', 'refused', 'failed')),
    version      text,
    commit_seq   bigint,
    upload_id    uuid        NOT NULL,
    file_name    text        NOT NULL,
    file_sha256  text        NOT NULL,
    options      jsonb       NOT NULL DEFAULT '{}',
    layer_name   text        NOT NULL DEFAULT '',
    source_crs   text        NOT NULL DEFAULT '',
    encoding     text        NOT NULL DEFAULT '',
    features     integer,
    area_m2      numeric(18,2),
    summary      jsonb       NOT NULL DEFAULT '{}',
    problem      jsonb,
    created_at   timestamptz NOT NULL DEFAULT now(),
    committed_at timestamptz,
    PRIMARY KEY (county_code, dataset_id),
    CHECK ((status = 'committed') = (version IS NOT NULL AND commit_seq IS NOT NULL AND features IS NOT NULL))
);
CREATE INDEX dataset_current ON dataset (county_code, kind, year, scope, commit_seq DESC) WHERE status = 'committed';

-- 检查报告: what was found in a file, row by row. Kept also for refused files.
CREATE TABLE dataset_issue (
    county_code text    NOT NULL,
    dataset_id  uuid    NOT NULL,
    seq         integer NOT NULL,
    severity    text    NOT NULL CHECK (severity IN ('error', 'warning', 'notice')),
    code        text    NOT NULL,
    row_no      bigint,
    bsm         text,
    field       text,
    message_zh  text    NOT NULL,
    message_en  text    NOT NULL,
    x           double precision,
    y           double precision,
    -- proposed repair: {"kind": "...", "area_before_m2": "...", "area_after_m2": "...", "wkb": "hex"}
    repair      jsonb,
    PRIMARY KEY (county_code, dataset_id, seq),
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset ON DELETE CASCADE
);

-- 地类图斑 DLTB (TD/T 1057-2020). area_m2 is the official ellipsoidal area of
-- geom; tbmj is what the survey says.
CREATE TABLE parcel (
    county_code text    NOT NULL,
    dataset_id  uuid    NOT NULL,
    fid         integer NOT NULL,
    bsm text, ysdm text, tbybh text, tbbh text,
    dlbm text NOT NULL, dlmc text, qsxz text,
    qsdwdm text, qsdwmc text, zldwdm text, zldwmc text,
    tbmj numeric(18,2), kcdlbm text, kcxs numeric(6,4), kcmj numeric(18,2), tbdlmj numeric(18,2),
    gdlx text, gdpdjb text, xzdwkd numeric(6,1),
    tbxhdm text, tbxhmc text, zzsxdm text, zzsxmc text,
    gddb integer, frdbs text, czcsxm text, sjnf integer, mssm text, hdmc text, bz text,
    area_m2 numeric(18,2) NOT NULL,
    geom    geometry(MultiPolygon) NOT NULL,
    PRIMARY KEY (county_code, dataset_id, fid),
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset ON DELETE CASCADE
);
CREATE INDEX parcel_geom ON parcel USING gist (geom);

-- 约束图层 and the other polygon layers (XZQ, PDT, YJJBNTTB, STBHHX, ...).
-- level is the layer's grading field (PDJB, 级别, 类别 ...) under one name.
CREATE TABLE layer_feature (
    county_code text    NOT NULL,
    dataset_id  uuid    NOT NULL,
    fid         integer NOT NULL,
    kind        text    NOT NULL,
    bsm         text    NOT NULL DEFAULT '',
    code        text    NOT NULL DEFAULT '',
    name        text    NOT NULL DEFAULT '',
    level       text    NOT NULL DEFAULT '',
    attrs       jsonb   NOT NULL DEFAULT '{}',
    area_m2     numeric(18,2) NOT NULL,
    geom        geometry(MultiPolygon) NOT NULL,
    PRIMARY KEY (county_code, dataset_id, fid),
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset ON DELETE CASCADE
);
CREATE INDEX layer_feature_geom ON layer_feature USING gist (geom);

-- 数字高程模型 in tiles of float32, little endian, row major from the north-west, each tile gzipped.
-- Metres; x0, y0 is the outer corner of the north-west cell of the raster.
CREATE TABLE raster (
    county_code text NOT NULL,
    dataset_id  uuid NOT NULL,
    width       integer NOT NULL CHECK (width > 0),
    height      integer NOT NULL CHECK (height > 0),
    x0 double precision NOT NULL, y0 double precision NOT NULL,
    dx double precision NOT NULL CHECK (dx > 0), dy double precision NOT NULL CHECK (dy > 0),
    nodata      double precision,
    tile_size   integer NOT NULL CHECK (tile_size > 0),
    PRIMARY KEY (county_code, dataset_id),
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset ON DELETE CASCADE
);
CREATE TABLE raster_tile (
    county_code text NOT NULL,
    dataset_id  uuid NOT NULL,
    tile_col    integer NOT NULL,
    tile_row    integer NOT NULL,
    cells       bytea NOT NULL,
    PRIMARY KEY (county_code, dataset_id, tile_row, tile_col),
    FOREIGN KEY (county_code, dataset_id) REFERENCES raster ON DELETE CASCADE
);

-- 田坎系数 by 耕地类型 and 坡度级.
CREATE TABLE kcxs (
    county_code text NOT NULL,
    dataset_id  uuid NOT NULL,
    gdlx        text NOT NULL CHECK (gdlx IN ('', 'TT', 'PD')),
    gdpdjb      text NOT NULL CHECK (gdpdjb IN ('1', '2', '3', '4', '5')),
    kcxs        numeric(6,4) NOT NULL CHECK (kcxs >= 0 AND kcxs < 1),
    PRIMARY KEY (county_code, dataset_id, gdlx, gdpdjb),
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset ON DELETE CASCADE
);

-- 申报地块. number (申报编号) is unique in its dataset; documents maps a
-- document kind to its reference as declared.
CREATE TABLE candidate (
    county_code   text    NOT NULL,
    dataset_id    uuid    NOT NULL,
    fid           integer NOT NULL,
    direction     text    NOT NULL CHECK (direction IN ('in', 'out')),
    number        text    NOT NULL CHECK (number <> ''),
    township_code text    NOT NULL,
    township_name text    NOT NULL DEFAULT '',
    village       text    NOT NULL DEFAULT '',
    base_bsm      text    NOT NULL DEFAULT '',
    base_dlbm     text    NOT NULL DEFAULT '',
    target_dlbm   text    NOT NULL DEFAULT '',
    purpose       text    NOT NULL DEFAULT '',
    method        text    NOT NULL DEFAULT '',
    gdlx          text    NOT NULL DEFAULT '',
    actor         text    NOT NULL DEFAULT '',
    declared_m2   numeric(18,2),
    documents     jsonb   NOT NULL DEFAULT '{}',
    attrs         jsonb   NOT NULL DEFAULT '{}',
    area_m2       numeric(18,2) NOT NULL,
    geom          geometry(MultiPolygon) NOT NULL,
    PRIMARY KEY (county_code, dataset_id, fid),
    UNIQUE (county_code, dataset_id, number),
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset ON DELETE CASCADE
);
CREATE INDEX candidate_geom ON candidate USING gist (geom);

-- 筛查. datasets holds what the run read: [{"kind", "scope", "dataset_id", "version"}].
CREATE TABLE screening_run (
    county_code  text        NOT NULL REFERENCES county,
    run_id       uuid        NOT NULL,
    year         integer     NOT NULL,
    status       text        NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
    rulebook     text        NOT NULL REFERENCES rulebook,
    engine       text        NOT NULL DEFAULT '',
    datasets     jsonb       NOT NULL DEFAULT '[]',
    missing      jsonb       NOT NULL DEFAULT '[]',
    summary      jsonb       NOT NULL DEFAULT '{}',
    problem      jsonb,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    PRIMARY KEY (county_code, run_id)
);

CREATE TABLE verdict (
    county_code      text NOT NULL,
    run_id           uuid NOT NULL,
    direction        text NOT NULL CHECK (direction IN ('in', 'out')),
    number           text NOT NULL,
    township_code    text NOT NULL,
    verdict          text NOT NULL CHECK (verdict IN ('eligible', 'eligible_after_clip', 'needs_review', 'forbidden', 'unknown')),
    -- gross official area of the declared boundary; of the remainder where clipped
    area_m2          numeric(18,2) NOT NULL,
    usable_m2        numeric(18,2) NOT NULL,
    -- TBDLMJ: what the usable part is worth as cultivated land (in), or what
    -- cultivated land it takes (out), after 田坎; and how much of it is 水田
    net_m2           numeric(18,2) NOT NULL,
    net_paddy_m2     numeric(18,2) NOT NULL,
    kcxs             numeric(6,4),
    slope_class      text,
    slope_source     text NOT NULL DEFAULT '',
    -- 等别 1 (best) - 15, area weighted
    quality          numeric(6,3),
    -- scores by priority clause: {"IN-P1": 0.73, ...}, each 0..1, more = goes first
    scores           jsonb NOT NULL DEFAULT '{}',
    reasons          jsonb NOT NULL DEFAULT '[]',
    remainder        geometry(MultiPolygon),
    PRIMARY KEY (county_code, run_id, direction, number),
    FOREIGN KEY (county_code, run_id) REFERENCES screening_run ON DELETE CASCADE
);

-- 问题发现. outcome: hit (over the tolerance), tolerated (容差内), missing (a
-- layer or document is not there), note. features: [{"bsm", "name", "level", "m2"}].
CREATE TABLE finding (
    county_code   text    NOT NULL,
    run_id        uuid    NOT NULL,
    seq           integer NOT NULL,
    direction     text    NOT NULL,
    number        text    NOT NULL,
    township_code text    NOT NULL,
    clause        text    NOT NULL,
    check_no      integer NOT NULL,
    severity      text    NOT NULL CHECK (severity IN ('block', 'warn', 'manual', 'score')),
    outcome       text    NOT NULL CHECK (outcome IN ('hit', 'tolerated', 'missing', 'note')),
    layer_kind    text    NOT NULL DEFAULT '',
    layer_version text    NOT NULL DEFAULT '',
    overlap_m2    numeric(18,2),
    share         double precision,
    features      jsonb   NOT NULL DEFAULT '[]',
    message_zh    text    NOT NULL,
    message_en    text    NOT NULL,
    geom          geometry(MultiPolygon),
    PRIMARY KEY (county_code, run_id, seq),
    FOREIGN KEY (county_code, run_id, direction, number) REFERENCES verdict (county_code, run_id, direction, number) ON DELETE CASCADE
);
CREATE INDEX finding_clause ON finding (county_code, run_id, clause);
CREATE INDEX finding_candidate ON finding (county_code, run_id, direction, number);
CREATE INDEX finding_geom ON finding USING gist (geom);

-- 平衡方案.
CREATE TABLE plan (
    county_code text        NOT NULL,
    plan_id     uuid        NOT NULL,
    run_id      uuid        NOT NULL,
    year        integer     NOT NULL,
    status      text        NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
    options     jsonb       NOT NULL DEFAULT '{}',
    -- the certificate.json of contracts: status, objective, bound, gap, gap_net, ...
    certificate jsonb       NOT NULL DEFAULT '{}',
    summary     jsonb       NOT NULL DEFAULT '{}',
    problem     jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (county_code, plan_id),
    FOREIGN KEY (county_code, run_id) REFERENCES screening_run
);
CREATE TABLE plan_parcel (
    county_code   text    NOT NULL,
    plan_id       uuid    NOT NULL,
    direction     text    NOT NULL CHECK (direction IN ('in', 'out')),
    number        text    NOT NULL,
    township_code text    NOT NULL,
    chosen        boolean NOT NULL,
    net_m2        numeric(18,2) NOT NULL,
    net_paddy_m2  numeric(18,2) NOT NULL,
    quality       numeric(6,3),
    reason_zh     text    NOT NULL,
    geom          geometry(MultiPolygon) NOT NULL,
    PRIMARY KEY (county_code, plan_id, direction, number),
    FOREIGN KEY (county_code, plan_id) REFERENCES plan ON DELETE CASCADE
);
CREATE TABLE plan_township (
    county_code      text NOT NULL,
    plan_id          uuid NOT NULL,
    township_code    text NOT NULL,
    name             text NOT NULL,
    in_m2            numeric(18,2) NOT NULL,
    out_m2           numeric(18,2) NOT NULL,
    in_paddy_m2      numeric(18,2) NOT NULL,
    out_paddy_m2     numeric(18,2) NOT NULL,
    transfer_in_m2   numeric(18,2) NOT NULL,
    transfer_out_m2  numeric(18,2) NOT NULL,
    -- shadow price of one more m² of balance in this township, in cost units
    price            double precision,
    PRIMARY KEY (county_code, plan_id, township_code),
    FOREIGN KEY (county_code, plan_id) REFERENCES plan ON DELETE CASCADE
);
-- 调剂: explicit records of what one township covers for another.
CREATE TABLE plan_transfer (
    county_code   text NOT NULL,
    plan_id       uuid NOT NULL,
    from_township text NOT NULL,
    to_township   text NOT NULL,
    measure       text NOT NULL CHECK (measure IN ('area', 'paddy', 'quality')),
    amount_m2     numeric(18,2) NOT NULL CHECK (amount_m2 > 0),
    PRIMARY KEY (county_code, plan_id, from_township, to_township, measure),
    FOREIGN KEY (county_code, plan_id) REFERENCES plan ON DELETE CASCADE
);
-- the balance problem and its solution as files of contracts, gzipped tar
CREATE TABLE plan_artifact (
    county_code text  NOT NULL,
    plan_id     uuid  NOT NULL,
    name        text  NOT NULL CHECK (name IN ('problem', 'solution')),
    content     bytea NOT NULL,
    PRIMARY KEY (county_code, plan_id, name),
    FOREIGN KEY (county_code, plan_id) REFERENCES plan ON DELETE CASCADE
);

-- 上传的文件. The bytes lie in the data folder under their SHA-256.
CREATE TABLE upload (
    county_code text        NOT NULL REFERENCES county,
    upload_id   uuid        NOT NULL,
    file_name   text        NOT NULL,
    size        bigint      NOT NULL,
    sha256      text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (county_code, upload_id)
);
ALTER TABLE dataset ADD FOREIGN KEY (county_code, upload_id) REFERENCES upload;

-- 任务 as people see it; the queue itself is River's. subject names what the
-- job makes (a dataset, a run, a plan).
CREATE TABLE job (
    county_code text        NOT NULL REFERENCES county,
    job_id      uuid        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('load', 'screen', 'plan')),
    subject     uuid        NOT NULL,
    status      text        NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
    stage       text        NOT NULL DEFAULT '',
    done        bigint      NOT NULL DEFAULT 0,
    total       bigint      NOT NULL DEFAULT 0,
    attempt     integer     NOT NULL DEFAULT 0,
    problem     jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (county_code, job_id)
);
