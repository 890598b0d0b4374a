-- +goose Up
-- 整改期限: by which day what was asked for has to be put right, by the clock of
-- China; the day itself is in time. What was asked for before there was one has none.
ALTER TABLE workflow_rectification ADD COLUMN due date;

-- an item is done once, and neither its words nor its day are changed
DROP TRIGGER workflow_done_once ON workflow_rectification;
CREATE TRIGGER workflow_done_once BEFORE UPDATE ON workflow_rectification FOR EACH ROW
    WHEN (OLD.done_at IS NOT NULL OR (NEW.what, NEW.seq, NEW.item, NEW.number, NEW.due) IS DISTINCT FROM (OLD.what, OLD.seq, OLD.item, OLD.number, OLD.due))
    EXECUTE FUNCTION workflow_append_only();
