-- A session ends with the token that it was made by: its digest stands here. Sessions from before have none, and have ended.
DELETE FROM sessions;
ALTER TABLE sessions ADD COLUMN token TEXT NOT NULL DEFAULT '';
