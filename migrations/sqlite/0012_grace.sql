-- The same columns as in ../postgres; only the types differ.

-- Since when somebody signs in without the second factor that is required of them; 0 where an operator ended that.
ALTER TABLE accounts ADD COLUMN grace_began INTEGER;

-- When something that was sent to an address last proved who is there.
ALTER TABLE contacts ADD COLUMN used_at INTEGER;
