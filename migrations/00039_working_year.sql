-- +goose Up
-- 当前工作年度：一个县的发现、剩余部分、方案图层，以及新画地块的缺省年度，都按它取。由县定：
-- 已设置、已批准方案或已建台账的年度中最新的；都没有时，是申报较普遍的年度中最新的（全县统一
-- 申报，或不止一个乡镇申报且超过最多一年的一半），否则是申报乡镇最多的年度；没有申报时，是最近筛查过的年度。某一乡镇写错的年度不能
-- 左右全县，日历上明年以后的申报和筛查也不算数。
-- The year that a county works on: that of its findings, remainders and plan, and of
-- new parcels that say none. The county decides: the newest year that it has set, has
-- approved a plan for or keeps a ledger of (a closed year is behind the newest one, or
-- is all there is). Without any, the newest year that was declared widely: for the
-- whole county, or by more than one township and more than half as many as the year
-- with the most; else the earliest of those with the most. Without declarations, the newest year that was screened. One township's wrong year
-- moves nothing, and what lies beyond the calendar's next year does not count.
-- It runs with its owner's rights, so that every caller gets the same year: a township
-- does not see what others declare, nor the ledger.
-- +goose StatementBegin
CREATE FUNCTION working_year(code text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path TO public, pg_temp AS $$
    WITH decided AS (
        SELECT year FROM county_year WHERE county_code = code
        UNION ALL SELECT year FROM ledger_year WHERE county_code = code
        UNION ALL SELECT year FROM plan_publication WHERE county_code = code AND status = 'approved'),
    declared AS (
        SELECT year, bool_or(scope = '') AS whole, count(DISTINCT scope) FILTER (WHERE scope <> '') AS townships
        FROM dataset WHERE county_code = code AND status = 'committed' AND kind IN ('CANDIDATE_IN', 'CANDIDATE_OUT')
            AND year <= extract(year FROM now()) + 1
        GROUP BY year)
    SELECT coalesce(
        (SELECT max(year) FROM decided),
        (SELECT max(year) FROM declared WHERE whole OR townships > 1 AND townships * 2 > (SELECT max(townships) FROM declared)),
        (SELECT year FROM declared ORDER BY townships DESC, year LIMIT 1),
        (SELECT max(year) FROM screening_run WHERE county_code = code AND status = 'done' AND year <= extract(year FROM now()) + 1))
    WHERE access_township() IS NULL OR code = access_county()
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION working_year(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION working_year(text) TO gengheng_township;
